-- What was a field like in training, and what is it like while the model serves?
--
-- model, field   of which model, and which field: features.amount, prediction, score, feedback.judge, embedding, ...
-- slice          one that a monitor of the field watches, * for all traffic
-- from, to       the range: windows that start in [from, to), UTC
-- window_s       length of the monitor's windows in seconds
--
-- Needs a monitor with bins on the field (psi, embedding, contract). One row per version and bin of the profile, from
-- whose reference `training` comes. `psi_part` adds up to the PSI over the range; as in the job, half a value is added
-- to each bin, and a bin that is empty on both sides does not count.
SELECT
  version,
  profile,
  bin,
  label,
  training,
  serving,
  training / sum(training) OVER all AS training_share,
  serving / sum(serving) OVER all AS serving_share,
  countIf(training + serving > 0) OVER all AS bins,
  (training + 0.5) / (sum(training) OVER all + 0.5 * bins) AS p,
  (serving + 0.5) / (sum(serving) OVER all + 0.5 * bins) AS q,
  if(training + serving = 0, 0, (q - p) * log(q / p)) AS psi_part
FROM (
  SELECT
    served.version AS version,
    served.profile AS profile,
    served.bin AS bin,
    p.label AS label,
    p.n AS training,
    served.n AS serving
  FROM (
    SELECT w.version AS version, w.profile AS profile, bin, sum(count) AS n
    FROM feature_window_latest AS w
    ARRAY JOIN w.counts AS count, arrayEnumerate(w.counts) AS bin
    WHERE w.model = {model:String}
      AND w.field = {field:String}
      AND w.slice = {slice:String}
      AND w.window_start >= {from:DateTime64(3, 'UTC')}
      AND w.window_start < {to:DateTime64(3, 'UTC')}
      AND dateDiff('second', w.window_start, w.window_end) = {window_s:UInt32}
    GROUP BY version, profile, bin
  ) AS served
  INNER JOIN profile_latest AS p
    ON p.profile = served.profile AND p.bin = served.bin AND p.field = {field:String}
)
WINDOW all AS (PARTITION BY version, profile)
ORDER BY version, profile, bin
