-- How old are the cases that nobody is done with?
--
-- model          of which model; '' = of all
-- at             their age as of then, UTC
--
-- Needs `rollguard triage`. Counts the cases that are still to be done, by the time since their first signal; those
-- whose first signal came later than `at` are left out.
SELECT
  b.model AS model,
  b.status AS status,
  count() AS cases,
  countIf(age_s < 86400) AS within_a_day,
  countIf(age_s >= 86400 AND age_s < 604800) AS within_a_week,
  countIf(age_s >= 604800) AS older,
  max(age_s) AS oldest_s
FROM (
  SELECT model, status, dateDiff('millisecond', first_signal, {at:DateTime64(3, 'UTC')}) / 1000 AS age_s
  FROM triage_board
  WHERE ({model:String} = '' OR model = {model:String})
    AND status IN ('open', 'claimed', 'labelled')
    AND first_signal <= {at:DateTime64(3, 'UTC')}
) AS b
GROUP BY model, status
ORDER BY model, status
