-- How did measures of each version move?
--
-- model          of which model
-- measures       of which: latency_ms, cost_usd, ...
-- slice          of which slice, '*' = all traffic
-- from, to       windows that end in (from, to], UTC, event time
-- step_s         seconds between two points
--
-- From the sliding windows whose size is nearest to five minutes; those with fewer than 20 values are left out. The
-- newest row of a window counts.
SELECT
  w.measure AS measure,
  w.version AS version,
  w.window_end AS at,
  w.n AS n,
  w.mean AS mean,
  w.p50 AS p50,
  w.p95 AS p95,
  w.p99 AS p99
FROM measure_window AS w
WHERE w.model = {model:String}
  AND w.measure IN {measures:Array(String)}
  AND w.slice = {slice:String}
  AND w.kind = 'sliding'
  AND w.window_end > {from:DateTime64(3, 'UTC')}
  AND w.window_end <= {to:DateTime64(3, 'UTC')}
  AND toUnixTimestamp(w.window_end) % {step_s:UInt32} = 0
  AND w.n >= 20
  AND NOT startsWith(w.version, '__mirrored__/')
QUALIFY abs(toInt64(w.size_ms) - 300000) = min(abs(toInt64(w.size_ms) - 300000)) OVER ()
ORDER BY measure, version, at, w.size_ms, w.ver DESC
LIMIT 1 BY measure, version, at
