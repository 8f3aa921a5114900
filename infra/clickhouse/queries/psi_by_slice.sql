-- Where has a distribution moved: PSI by field, version and slice, the worst first?
--
-- model          of which model
-- from, to       the range: windows that end in (from, to], UTC
-- field          of one field; '' = of all
--
-- Needs monitors of kind psi or embedding that watch the slices. `bad` of `windows` windows are drift, judged together
-- with all other series of their monitor; `worst` is the largest PSI, with the end of its window and the limit it would
-- have alone; `last` is the PSI of the last window.
SELECT
  d.monitor AS monitor,
  d.field AS field,
  d.version AS version,
  d.slice AS slice,
  any(d.reference) AS against,
  count() AS windows,
  countIf(d.verdict = 'BAD') AS bad,
  countIf(d.verdict = 'INSUFFICIENT') AS insufficient,
  max(d.score) AS worst,
  argMax(d.window_end, d.score) AS worst_at,
  argMax(d.threshold, d.score) AS worst_limit,
  argMax(d.n_current, d.score) AS worst_n,
  argMax(d.score, d.window_end) AS last
FROM drift_scores AS d
WHERE d.model = {model:String}
  AND d.method = 'psi'
  AND ({field:String} = '' OR d.field = {field:String})
  AND d.window_end > {from:DateTime64(3, 'UTC')}
  AND d.window_end <= {to:DateTime64(3, 'UTC')}
GROUP BY monitor, field, version, slice
ORDER BY bad DESC, worst DESC NULLS LAST, monitor, field, version, slice
