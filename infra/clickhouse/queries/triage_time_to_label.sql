-- How long does it take from the first signal of a case until somebody has named its root cause, and until it is a test?
--
-- model          of which model; '' = of all
-- from, to       cases whose first signal was given in [from, to), UTC
--
-- Needs `rollguard triage`. Cases without a label count in `cases` but not in the times: look at triage_open_ages as
-- well. Times are NULL if no case has got so far.
SELECT
  b.model AS model,
  count() AS cases,
  countIf(b.labelled_at IS NOT NULL) AS labelled,
  quantileExactInclusiveIf(0.5)(dateDiff('millisecond', b.first_signal, b.labelled_at) / 1000, b.labelled_at IS NOT NULL) AS median_to_label_s,
  maxIf(dateDiff('millisecond', b.first_signal, b.labelled_at) / 1000, b.labelled_at IS NOT NULL) AS longest_to_label_s,
  countIf(b.converted_at IS NOT NULL) AS converted,
  quantileExactInclusiveIf(0.5)(dateDiff('millisecond', b.first_signal, b.converted_at) / 1000, b.converted_at IS NOT NULL) AS median_to_test_s
FROM triage_board AS b
WHERE ({model:String} = '' OR b.model = {model:String})
  AND b.first_signal >= {from:DateTime64(3, 'UTC')}
  AND b.first_signal < {to:DateTime64(3, 'UTC')}
GROUP BY model
ORDER BY model
