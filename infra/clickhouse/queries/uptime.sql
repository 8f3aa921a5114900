-- What share of the minutes stood an SLI above a bound, by version: uptime, where it is availability?
--
-- model, sli     which counts
-- bound          a minute is up when its ratio is at least this
-- from, to       the range: minutes that start in [from, to), UTC
-- slice          a reported slice, such as region=eu, or *
--
-- A minute without a good or bad request is neither up nor down: it is in `unknown`, with the minutes before the first
-- request and after the last one. Windows are kept for 90 days.
-- Needs tumbling windows of 1m in the policy.
SELECT
  w.version AS version,
  countIf(w.ratio >= {bound:Float64}) AS up,
  countIf(w.ratio < {bound:Float64}) AS down,
  dateDiff('minute', {from:DateTime64(3, 'UTC')}, {to:DateTime64(3, 'UTC')}) - up - down AS unknown,
  if(up + down = 0, NULL, up / (up + down)) AS uptime
FROM sli_window_latest AS w
WHERE w.model = {model:String}
  AND w.sli = {sli:String}
  AND w.slice = {slice:String}
  AND w.kind = 'tumbling'
  AND w.size_ms = 60000
  AND w.window_start >= {from:DateTime64(3, 'UTC')}
  AND w.window_start < {to:DateTime64(3, 'UTC')}
GROUP BY version
ORDER BY version
