-- Where must the traffic of each model go at a moment, by its last event?
--
-- model          of which model; '' = of all
-- at             the moment, UTC, event time
SELECT c.model AS model, argMax(c.pin, c.revision) AS pin, argMax(c.barred, c.revision) AS barred
FROM control AS c
WHERE c.at <= {at:DateTime64(3, 'UTC')} AND ({model:String} = '' OR c.model = {model:String})
GROUP BY model
ORDER BY model
