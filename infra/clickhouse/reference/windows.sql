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
FROM chosen AS w
WHERE w.field = {field:String}
  AND (w.model, w.slice, w.window_end - w.window_start) IN (
    SELECT s.model, s.slice, min(s.window_end - s.window_start)
    FROM chosen AS s
    WHERE s.field = {field:String}
    GROUP BY s.model, s.slice
  )
GROUP BY slice, hour
ORDER BY slice, hour
