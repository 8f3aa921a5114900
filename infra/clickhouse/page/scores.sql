-- How sure was each version, and how often was it right?
--
-- model          of which model
-- from, to       labels that came in (from, to], UTC, event time
--
-- In ten bins of the score, 0 to 1, of labelled requests only; of several labels of one request the last counts.
-- `share` is the part of a bin that is right, with a 95 % interval (Wilson); `calibration_error` is how far that is
-- from the mean score, over all bins of the version, weighted by labels: with few labels it is too large.
SELECT
  version,
  bin / 10 AS bin,
  n,
  right,
  total / n AS mean_score,
  right / n AS share,
  1.959964 AS z,
  greatest((share + z * z / (2 * n) - z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))) / (1 + z * z / n), 0) AS lower,
  least((share + z * z / (2 * n) + z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))) / (1 + z * z / n), 1) AS upper,
  sum(abs(right - total)) OVER (PARTITION BY version) / sum(n) OVER (PARTITION BY version) AS calibration_error,
  n / sum(n) OVER (PARTITION BY version) AS part
FROM (
  SELECT version, toUInt8(least(floor(sure * 10), 9)) AS bin, count() AS n, countIf(label = answer) AS right, sum(sure) AS total
  FROM (
    SELECT f.version AS version, f.request_id AS request_id,
      argMax(f.value, f.ts) AS label, argMax(f.prediction, f.ts) AS answer, argMax(f.score, f.ts) AS sure
    FROM feedback AS f
    WHERE f.model = {model:String}
      AND f.kind = 'label'
      AND f.prediction != ''
      AND f.score >= 0 AND f.score <= 1
      AND f.ts > {from:DateTime64(3, 'UTC')}
      AND f.ts <= {to:DateTime64(3, 'UTC')}
    GROUP BY version, request_id
  )
  GROUP BY version, bin
)
ORDER BY version, bin
