-- What had drifted before a version was rolled back?
--
-- model          of which model; '' = of all
-- within_s       how long before the rollback to look, in seconds
--
-- Needs monitors in the policy. One row per rollback or kill and per finding on any version of the model, by the time
-- of its first window in that span: if inputs moved on all versions, the one that was rolled back is not at fault.
-- `times` is how many windows found it, `worst` the score that is furthest beyond its limit.
SELECT
  c.model AS model,
  c.at AS rolled_back_at,
  c.version AS rolled_back,
  c.rule AS rule,
  d.version AS version,
  d.version = c.version AS same_version,
  d.axis AS axis,
  d.kind AS kind,
  d.monitor AS monitor,
  d.field AS field,
  d.method AS method,
  d.slice AS slice,
  min(d.window_end) AS first_at,
  dateDiff('second', first_at, rolled_back_at) AS before_s,
  count() AS times,
  argMax(d.score, abs(d.score / nullIf(d.threshold, 0))) AS worst,
  argMax(d.threshold, abs(d.score / nullIf(d.threshold, 0))) AS worst_limit,
  any(d.requests) AS requests
FROM control_latest AS c
INNER JOIN drift_latest AS d ON d.model = c.model
WHERE c.type IN ('rollback', 'kill')
  AND ({model:String} = '' OR c.model = {model:String})
  AND d.verdict = 'BAD'
  AND d.window_end <= c.at
  AND d.window_end > c.at - toIntervalSecond({within_s:UInt32})
GROUP BY model, rolled_back_at, rolled_back, rule, version, same_version, axis, kind, monitor, field, method, slice
ORDER BY rolled_back_at, model, first_at, monitor, field, method, version, slice
