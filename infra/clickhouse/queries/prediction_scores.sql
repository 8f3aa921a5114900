-- How sure is the model of itself: the histogram of its scores, by version, over time?
--
-- model          of which model
-- from, to       the range: windows that start in [from, to), UTC
-- window_s       length of the monitor's windows in seconds
-- step_s         length of a row's interval in seconds: a multiple of window_s
--
-- Needs a monitor with bins on `score` (psi, contract), and all traffic among its slices. One row per interval and
-- version: `edges` lie between the bins, `n` and `shares` are by bin, one more than edges; `missing` counts events
-- without a score.
SELECT
  time,
  version,
  profile,
  arrayFilter(edge -> edge IS NOT NULL, groupArray(high)) AS edges,
  groupArrayIf(n, label NOT IN ('(missing)', '(unseen)')) AS n,
  arrayMap(each -> each / arraySum(n), n) AS shares,
  sumIf(bins.n, label = '(missing)') AS missing
FROM (
  SELECT
    counted.time AS time,
    counted.version AS version,
    counted.profile AS profile,
    p.label AS label,
    p.high AS high,
    counted.n AS n
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
      AND w.field = 'score'
      AND w.slice = '*'
      AND w.window_start >= {from:DateTime64(3, 'UTC')}
      AND w.window_start < {to:DateTime64(3, 'UTC')}
      AND dateDiff('second', w.window_start, w.window_end) = {window_s:UInt32}
    GROUP BY time, version, profile, bin
  ) AS counted
  INNER JOIN profile_latest AS p
    ON p.profile = counted.profile AND p.bin = counted.bin AND p.field = 'score'
  ORDER BY time, version, profile, counted.bin
) AS bins
GROUP BY time, version, profile
ORDER BY time, version, profile
