-- The requests of panes by hour of the week; the first and last start, and by which ms of its hour each pane had ended.
SELECT
  (toDayOfWeek(p.pane_start, 0, {zone:String}) - 1) * 24 + toHour(p.pane_start, {zone:String}) AS hour,
  sum(p.n),
  min(toUnixTimestamp64Milli(p.pane_start)),
  max(toUnixTimestamp64Milli(p.pane_start)),
  max((toMinute(p.pane_start, {zone:String}) * 60 + toSecond(p.pane_start, {zone:String})) * 1000
    + toUnixTimestamp64Milli(p.pane_start) % 1000 + p.pane_ms)
FROM outcome_pane_latest AS p
WHERE (empty({models:Array(String)}) OR has({models:Array(String)}, p.model))
  AND (empty({versions:Array(String)}) OR has({versions:Array(String)}, p.version))
  AND p.pane_start >= {from:DateTime64(3, 'UTC')}
  AND p.pane_start < {to:DateTime64(3, 'UTC')}
GROUP BY hour
ORDER BY hour
