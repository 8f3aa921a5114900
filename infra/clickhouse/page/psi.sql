-- How far are fields of two versions from their reference in a slice?
--
-- model          of which model
-- versions       of which versions
-- slice          of which slice, '*' = all traffic
-- from, to       windows that end in (from, to], UTC, event time
--
-- Needs monitors of kind psi or embedding that watch the slice. Of each field and version the largest PSI, with the end of its
-- window and the limit it has alone, and that of the last window; a window is `bad` where all that its monitor looks at is considered. A row that
-- was stored twice is the same.
SELECT
  field,
  version,
  uniqExactIf((monitor, window_end), verdict = 'BAD') AS bad,
  max(score) AS worst,
  argMax(window_end, score) AS worst_at,
  argMax(threshold, score) AS worst_limit,
  argMax(score, window_end) AS last
FROM (
  SELECT monitor, field, version, window_end, verdict, score, threshold
  FROM drift
  WHERE model = {model:String} AND version IN {versions:Array(String)} AND slice = {slice:String} AND method = 'psi'
    AND window_end > {from:DateTime64(3, 'UTC')} AND window_end <= {to:DateTime64(3, 'UTC')}
  UNION ALL
  SELECT monitor, field, version, window_end, verdict, score, threshold
  FROM drift_window
  ARRAY JOIN fields AS field, verdicts AS verdict, scores AS score, thresholds AS threshold
  WHERE model = {model:String} AND version IN {versions:Array(String)} AND slice = {slice:String} AND method = 'psi'
    AND window_end > {from:DateTime64(3, 'UTC')} AND window_end <= {to:DateTime64(3, 'UTC')}
)
GROUP BY field, version
ORDER BY bad DESC, worst DESC, field, version
LIMIT 200
