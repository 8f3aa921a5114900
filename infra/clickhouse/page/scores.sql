-- How sure was each version, and how often was it right?
--
-- model          of which model
-- from, to       labels that came in (from, to], UTC, event time
--
-- In ten bins of the score, of labelled requests alone.
SELECT
  f.version AS version,
  least(floor(f.score * 10), 9) / 10 AS bin,
  count() AS n,
  countIf(f.value = f.prediction) AS right,
  avg(f.score) AS mean_score
FROM feedback_latest AS f
WHERE f.model = {model:String}
  AND f.kind = 'label'
  AND f.score >= 0 AND f.score <= 1
  AND f.ts > {from:DateTime64(3, 'UTC')}
  AND f.ts <= {to:DateTime64(3, 'UTC')}
GROUP BY version, bin
ORDER BY version, bin
