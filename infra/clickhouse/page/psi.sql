-- How far are fields of two versions from their reference in a slice?
--
-- model          of which model
-- versions       of which versions
-- slice          of which slice, '*' = all traffic
-- from, to       windows that end in (from, to], UTC, event time
--
-- Needs monitors of kind psi or embedding that watch the slice. For each field and version: the largest PSI, with the
-- end of its window and the limit it would have alone, and the PSI of the last window. `bad` windows are drift, judged
-- together with all other series of their monitor. A row that was stored twice counts once.
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
