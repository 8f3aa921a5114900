-- How did the success ratios of each version move?
--
-- model          of which model; '' = of all
-- slice          of which slice, '*' = all traffic
-- slis           which; none = all
-- from, to       windows that end in (from, to], UTC, event time
-- step_s         seconds between two points
--
-- From each model's sliding windows whose size is nearest to five minutes; those with fewer than 20 events say nothing
-- and are left out. A window that was stored again has more events, so the newest row counts. `lower` and `upper` hold
-- for a single look, not for repeated ones.
SELECT
  w.model AS model,
  w.sli AS sli,
  w.version AS version,
  w.window_end AS at,
  w.good AS good,
  w.bad AS bad,
  w.ratio AS ratio,
  w.lower AS lower,
  w.upper AS upper
FROM sli_window AS w
WHERE ({model:String} = '' OR w.model = {model:String})
  AND (empty({slis:Array(String)}) OR w.sli IN {slis:Array(String)})
  AND w.slice = {slice:String}
  AND w.kind = 'sliding'
  AND w.window_end > {from:DateTime64(3, 'UTC')}
  AND w.window_end <= {to:DateTime64(3, 'UTC')}
  AND toUnixTimestamp(w.window_end) % {step_s:UInt32} = 0
  AND w.good + w.bad >= 20
  AND NOT startsWith(w.version, '__mirrored__/')
QUALIFY abs(toInt64(w.size_ms) - 300000) = min(abs(toInt64(w.size_ms) - 300000)) OVER (PARTITION BY w.model)
ORDER BY model, sli, version, at, w.size_ms, w.ver DESC
LIMIT 1 BY model, sli, version, at
