-- In which slices of a model were fields far from their reference, the worst slice first?
--
-- model          of which model
-- from, to       windows that end in (from, to], UTC, event time
--
-- By PSI: how many fields were found to drift in each slice, and how far the furthest was, as a multiple of its limit.
-- A row that was stored twice counts once.
SELECT slice, uniqExactIf(field, verdict = 'BAD') AS bad, max(ifNull(score / nullIf(threshold, 0), 0)) AS far, count() OVER () AS slices
FROM (
  SELECT slice, field, verdict, score, threshold FROM drift
  WHERE model = {model:String} AND method = 'psi'
    AND window_end > {from:DateTime64(3, 'UTC')} AND window_end <= {to:DateTime64(3, 'UTC')}
  UNION ALL
  SELECT slice, worst_field AS field, '' AS verdict, worst AS score, worst_threshold AS threshold FROM drift_window
  WHERE model = {model:String} AND method = 'psi'
    AND window_end > {from:DateTime64(3, 'UTC')} AND window_end <= {to:DateTime64(3, 'UTC')}
)
GROUP BY slice
ORDER BY bad DESC, far DESC, slice
LIMIT 20
