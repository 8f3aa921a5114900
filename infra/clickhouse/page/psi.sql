-- How far are fields of two versions from their reference in a slice?
--
-- model          of which model
-- versions       of which versions
-- slice          of which slice, '*' = all traffic
-- from, to       windows that end in (from, to], UTC, event time
--
-- Needs monitors of kind psi or embedding that watch the slice. Of each field and version the largest PSI, with the end of its
-- window and the limit it has alone, and that of the last window; a window is `bad` where all that its monitor looks at is considered.
SELECT
  d.field AS field,
  d.version AS version,
  count() AS windows,
  countIf(d.verdict = 'BAD') AS bad,
  max(d.score) AS worst,
  argMax(d.window_end, d.score) AS worst_at,
  argMax(d.threshold, d.score) AS worst_limit,
  argMax(d.score, d.window_end) AS last
FROM drift_scores AS d
WHERE d.model = {model:String}
  AND d.version IN {versions:Array(String)}
  AND d.slice = {slice:String}
  AND d.method = 'psi'
  AND d.window_end > {from:DateTime64(3, 'UTC')}
  AND d.window_end <= {to:DateTime64(3, 'UTC')}
GROUP BY field, version
ORDER BY bad DESC, worst DESC, field, version
LIMIT 200
