-- How many requests a second did each version of a model serve, and how did they fail, step by step?
--
-- model          of which model
-- slice          all traffic '*', or one dimension
-- from, to       windows that end in (from, to], UTC, event time
-- since          `requests`, and the types of errors in `failed` with how many there were, are of windows that end later
-- step_s         seconds of a step
--
-- From the shortest tumbling windows; a step is rounded up to a whole number of them.
SELECT
  w.version AS version,
  fromUnixTimestamp64Milli(intDiv(toUnixTimestamp64Milli(w.window_start), step_ms) * step_ms, 'UTC') AS at,
  sum(w.requests) / step_ms * 1000 AS per_second,
  sumIf(w.requests, w.window_end > {since:DateTime64(3, 'UTC')}) AS requests,
  sumMapIf(w.error_types, w.errors, w.window_end > {since:DateTime64(3, 'UTC')}) AS failed
FROM outcome_window AS w FINAL
WHERE w.model = {model:String}
  AND w.slice = {slice:String}
  AND w.window_end > {from:DateTime64(3, 'UTC')}
  AND w.window_end <= {to:DateTime64(3, 'UTC')}
GROUP BY version, at, w.size_ms, toInt64(intDiv({step_s:UInt32} * 1000 + w.size_ms - 1, w.size_ms) * w.size_ms) AS step_ms
QUALIFY w.size_ms = min(w.size_ms) OVER ()
ORDER BY version, at
