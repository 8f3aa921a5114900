-- What was counted in the bins of a profile, and from the start of the first window to that of the last one, ms.
SELECT
  w.field AS field,
  max(toUnixTimestamp64Milli(w.window_start)) - min(toUnixTimestamp64Milli(w.window_start))
FROM feature_window_latest AS w
WHERE (empty({models:Array(String)}) OR has({models:Array(String)}, w.model))
  AND (empty({versions:Array(String)}) OR has({versions:Array(String)}, w.version))
  AND w.profile = {profile:String}
  AND (w.slice = '*' OR {by:Bool})
  AND w.window_start >= {from:DateTime64(3, 'UTC')}
  AND w.window_end <= {to:DateTime64(3, 'UTC')}
GROUP BY field
ORDER BY field
