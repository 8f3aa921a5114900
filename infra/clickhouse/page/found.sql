-- What did monitors find on a candidate and beside it, the earliest first, and what on the candidate alone?
--
-- model          of which model
-- version        the candidate
-- baseline       what it is compared with
-- from, to       windows that end in (from, to], UTC, event time
--
-- `times` is how many windows found it; `worst` the score that is furthest beyond its limit. Not a proof of the cause.
SELECT
  d.version AS version,
  d.axis AS axis,
  d.kind AS kind,
  d.monitor AS monitor,
  d.field AS field,
  d.method AS method,
  d.slice AS slice,
  min(d.window_start) AS first,
  uniqExact(d.window_end) AS times,
  argMax(d.score, abs(d.score / nullIf(d.threshold, 0))) AS worst,
  argMax(d.threshold, abs(d.score / nullIf(d.threshold, 0))) AS worst_limit,
  argMin(d.detail, d.window_start) AS what,
  argMin(d.requests, d.window_start) AS examples,
  count(DISTINCT d.version) OVER (PARTITION BY d.field, d.method, d.slice) > 1 AS is_shared
FROM drift AS d
WHERE d.model = {model:String}
  AND d.version IN ({version:String}, {baseline:String})
  AND d.verdict = 'BAD'
  AND d.window_end > {from:DateTime64(3, 'UTC')}
  AND d.window_end <= {to:DateTime64(3, 'UTC')}
GROUP BY version, axis, kind, monitor, field, method, slice
ORDER BY is_shared, version != {version:String}, first, field, method, slice
LIMIT 100
