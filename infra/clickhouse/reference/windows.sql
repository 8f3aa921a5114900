-- What windows of a field counted in the bins of a profile, by slice and hour of the week, and by when they had ended.
--
-- Of each model and slice the shortest windows: longer ones of other monitors hold the same values once more.
SELECT
  w.slice AS slice,
  (toDayOfWeek(w.window_start, 0, {zone:String}) - 1) * 24 + toHour(w.window_start, {zone:String}) AS hour,
  sumForEach(w.counts),
  groupArrayIf(
    (w.n, assumeNotNull(w.mean), assumeNotNull(w.sd), assumeNotNull(w.low), assumeNotNull(w.high)),
    w.n > 0 AND w.mean IS NOT NULL
  ),
  max((toMinute(w.window_start, {zone:String}) * 60 + toSecond(w.window_start, {zone:String})) * 1000
    + toUnixTimestamp64Milli(w.window_start) % 1000
    + toUnixTimestamp64Milli(w.window_end) - toUnixTimestamp64Milli(w.window_start))
FROM feature_window_latest AS w
WHERE (empty({models:Array(String)}) OR has({models:Array(String)}, w.model))
  AND (empty({versions:Array(String)}) OR has({versions:Array(String)}, w.version))
  AND w.profile = {profile:String}
  AND (w.slice = '*' OR {by:Bool})
  AND w.window_start >= {from:DateTime64(3, 'UTC')}
  AND w.window_end <= {to:DateTime64(3, 'UTC')}
  AND w.field = {field:String}
  AND (w.model, w.slice, w.window_end - w.window_start) IN (
    SELECT s.model, s.slice, min(s.window_end - s.window_start)
    FROM feature_window_latest AS s
    WHERE (empty({models:Array(String)}) OR has({models:Array(String)}, s.model))
      AND (empty({versions:Array(String)}) OR has({versions:Array(String)}, s.version))
      AND s.profile = {profile:String}
      AND (s.slice = '*' OR {by:Bool})
      AND s.field = {field:String}
      AND s.window_start >= {from:DateTime64(3, 'UTC')}
      AND s.window_end <= {to:DateTime64(3, 'UTC')}
    GROUP BY s.model, s.slice
  )
GROUP BY slice, hour
ORDER BY slice, hour
