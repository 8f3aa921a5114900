-- What became of the cases of each version?
--
-- model          of which model; '' = of all
-- from, to       cases whose first signal was given in [from, to), UTC
--
-- Needs `rollguard triage`. `converted_share` is of all cases; a claimed case is still to be done, like an open one.
-- `regressed` cases came after one of their cluster had been converted: the test did not prevent the failure.
SELECT
  b.model AS model,
  b.version AS version,
  count() AS cases,
  uniqExact(b.cluster) AS clusters,
  countIf(b.status IN ('open', 'claimed')) AS to_do,
  countIf(b.status = 'labelled') AS labelled,
  countIf(b.status = 'dismissed') AS dismissed,
  countIf(b.status = 'converted') AS converted,
  converted / cases AS converted_share,
  countIf(b.regressed != '') AS regressed
FROM triage_board AS b
WHERE ({model:String} = '' OR b.model = {model:String})
  AND b.first_signal >= {from:DateTime64(3, 'UTC')}
  AND b.first_signal < {to:DateTime64(3, 'UTC')}
GROUP BY model, version
ORDER BY model, version
