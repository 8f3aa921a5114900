-- The histograms of measures in the panes that start in a range, by hour of the week as clocks of a zone show it.
SELECT
  p.measure AS measure,
  (toDayOfWeek(p.pane_start, 0, {zone:String}) - 1) * 24 + toHour(p.pane_start, {zone:String}) AS hour,
  toFloat64(sum(p.sum)),
  min(p.min),
  max(p.max),
  sumMap(p.buckets, p.counts)
FROM measure_pane_latest AS p
WHERE (empty({models:Array(String)}) OR has({models:Array(String)}, p.model))
  AND (empty({versions:Array(String)}) OR has({versions:Array(String)}, p.version))
  AND p.pane_start >= {from:DateTime64(3, 'UTC')}
  AND p.pane_start < {to:DateTime64(3, 'UTC')}
GROUP BY measure, hour
ORDER BY measure, hour
