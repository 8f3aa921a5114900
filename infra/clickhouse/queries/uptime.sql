-- What share of the minutes stood an SLI above a bound, by version: uptime, where it is availability?
--
-- model, sli     which counts
-- bound          a minute is up when its ratio is at least this
-- from, to       the range: minutes that start in [from, to), UTC
-- slice          *, or a slice such as region=eu that the windows of a minute store (`report` in the policy), or a finest one
--
-- Needs tumbling windows of 1m in the policy; for finest slices that the windows do not store, panes of a minute or
-- shorter. A minute without a good or bad request is neither up nor down: it is in `unknown`, with the minutes before
-- the first request and after the last one. Windows are kept for 90 days; finest slices without stored windows come
-- from panes, which are kept for 35.
SELECT
  w.version AS version,
  countIf(w.ratio >= {bound:Float64}) AS up,
  countIf(w.ratio < {bound:Float64}) AS down,
  dateDiff('minute', {from:DateTime64(3, 'UTC')}, {to:DateTime64(3, 'UTC')}) - up - down AS unknown,
  if(up + down = 0, NULL, up / (up + down)) AS uptime
FROM (
  SELECT version, minute, ratio
  FROM (
    SELECT version, window_start AS minute, ratio, 0 AS place
    FROM sli_window_latest
    WHERE model = {model:String}
      AND sli = {sli:String}
      AND slice = {slice:String}
      AND kind = 'tumbling'
      AND size_ms = 60000
      AND window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT version, toDateTime64(toStartOfMinute(pane_start), 3, 'UTC') AS minute, sum(good) / sum(good + bad) AS ratio, 1 AS place
    FROM sli_pane_latest
    WHERE model = {model:String}
      AND sli = {sli:String}
      AND slice = {slice:String}
      AND NOT late
      AND pane_ms <= 60000
      AND pane_start >= {from:DateTime64(3, 'UTC')}
      AND pane_start < {to:DateTime64(3, 'UTC')}
    GROUP BY version, minute
    HAVING sum(good + bad) > 0
  )
  ORDER BY place
  LIMIT 1 BY version, minute
) AS w
GROUP BY version
ORDER BY version
