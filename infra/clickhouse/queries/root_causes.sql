-- Why did cases go wrong, by version and slice?
--
-- model          of which model; '' = of all
-- from, to       cases whose first signal was given in [from, to), UTC
--
-- Needs `rollguard triage`, and people who label. `share` is of the labelled cases of the version and slice.
SELECT
  b.model AS model,
  b.version AS version,
  b.slice AS slice,
  b.root_cause AS root_cause,
  count() AS cases,
  cases / sum(cases) OVER (PARTITION BY model, version, slice) AS share
FROM triage_board AS b
WHERE ({model:String} = '' OR b.model = {model:String})
  AND b.root_cause != ''
  AND b.first_signal >= {from:DateTime64(3, 'UTC')}
  AND b.first_signal < {to:DateTime64(3, 'UTC')}
GROUP BY model, version, slice, root_cause
ORDER BY model, version, slice, cases DESC, root_cause
