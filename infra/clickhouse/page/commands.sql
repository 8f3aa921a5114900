-- Who commanded what, and what became of it, the newest first?
--
-- model          of which model; '' = of all
-- at             up to which moment, UTC, event time
SELECT c.model AS model, c.at AS at, c.obeyed AS obeyed, c.type AS type, c.by AS by, c.id AS id, c.fields AS fields,
  c.accepted AS accepted, c.reason AS reason
FROM command_latest AS c
WHERE c.at <= {at:DateTime64(3, 'UTC')} AND ({model:String} = '' OR c.model = {model:String})
ORDER BY c.at DESC, c.model, c.id
LIMIT 200
