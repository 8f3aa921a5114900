-- In which slices of a model were fields far from their reference, the worst slice first?
--
-- model          of which model
-- from, to       windows that end in (from, to], UTC, event time
--
-- By PSI: how many fields were found to drift in each slice, and how far the furthest was, as a multiple of its limit. A row that was
-- stored twice is the same.
SELECT
  d.slice AS slice,
  uniqExactIf(d.field, d.verdict = 'BAD') AS bad,
  max(ifNull(d.score / nullIf(d.threshold, 0), 0)) AS far,
  count() OVER () AS slices
FROM drift AS d
WHERE d.model = {model:String}
  AND d.method = 'psi'
  AND d.window_end > {from:DateTime64(3, 'UTC')}
  AND d.window_end <= {to:DateTime64(3, 'UTC')}
GROUP BY slice
ORDER BY bad DESC, far DESC, slice
LIMIT 20
