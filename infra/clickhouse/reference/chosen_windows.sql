-- Goes before fields.sql and windows.sql: windows in a range, counted in the bins of a profile, of the models asked for.
WITH chosen AS (
  SELECT *
  FROM feature_window_latest
  WHERE (empty({models:Array(String)}) OR has({models:Array(String)}, model))
    AND (empty({versions:Array(String)}) OR has({versions:Array(String)}, version))
    AND profile = {profile:String}
    AND (slice = '*' OR {by:Bool})
    AND window_start >= {from:DateTime64(3, 'UTC')}
    AND window_end <= {to:DateTime64(3, 'UTC')}
)
