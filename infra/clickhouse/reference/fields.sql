-- What was counted in the bins of a profile, and from the start of the first window to that of the last one, ms.
SELECT
  w.field AS field,
  max(toUnixTimestamp64Milli(w.window_start)) - min(toUnixTimestamp64Milli(w.window_start))
FROM chosen AS w
GROUP BY field
ORDER BY field
