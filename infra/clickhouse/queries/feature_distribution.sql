-- How is a field distributed, bin by bin, by version, over time?
--
-- model, field   of which model, and which field: features.amount, prediction, score, feedback.judge, embedding, ...
-- slice          one that a monitor of the field watches, * for all traffic
-- from, to       the range: windows that start in [from, to), UTC
-- window_s       length of the monitor's windows in seconds
-- step_s         length of a row's interval in seconds: a multiple of window_s
--
-- Needs a monitor with bins on the field (psi, embedding, contract). `bin` is the place in the profile, whose last two
-- are missing and unseen values; a bin without values has a row with n = 0. Profiles of different content have
-- different bins: do not add up across values of `profile`.
SELECT
  counted.time AS time,
  counted.version AS version,
  counted.profile AS profile,
  counted.bin AS bin,
  p.label AS label,
  counted.n AS n,
  n / sum(n) OVER (PARTITION BY time, version, profile) AS share
FROM (
  SELECT
    toStartOfInterval(w.window_start, toIntervalSecond({step_s:UInt32})) AS time,
    w.version AS version,
    w.profile AS profile,
    bin,
    sum(count) AS n
  FROM feature_window_latest AS w
  ARRAY JOIN w.counts AS count, arrayEnumerate(w.counts) AS bin
  WHERE w.model = {model:String}
    AND w.field = {field:String}
    AND w.slice = {slice:String}
    AND w.window_start >= {from:DateTime64(3, 'UTC')}
    AND w.window_start < {to:DateTime64(3, 'UTC')}
    AND dateDiff('second', w.window_start, w.window_end) = {window_s:UInt32}
  GROUP BY time, version, profile, bin
) AS counted
LEFT JOIN profile_latest AS p
  ON p.profile = counted.profile AND p.bin = counted.bin AND p.field = {field:String}
ORDER BY time, version, profile, bin
