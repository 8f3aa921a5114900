-- How many requests a second did each version of a model serve, and how many failed, step by step?
--
-- model          of which model
-- slice          all traffic '*', or one dimension
-- from, to       windows that end in (from, to], UTC, event time
-- step_s         seconds of a step, a multiple of the shortest tumbling window
SELECT
  w.version AS version,
  toStartOfInterval(w.window_start, toIntervalSecond({step_s:UInt32})) AS at,
  sum(w.requests) / {step_s:UInt32} AS per_second,
  sum(arraySum(w.errors)) AS failed
FROM outcome_window AS w FINAL
WHERE w.model = {model:String}
  AND w.slice = {slice:String}
  AND w.size_ms = (SELECT size_ms FROM outcome_window WHERE model = {model:String} ORDER BY model, kind, size_ms LIMIT 1)
  AND w.window_end > {from:DateTime64(3, 'UTC')}
  AND w.window_end <= {to:DateTime64(3, 'UTC')}
GROUP BY version, at
ORDER BY version, at
