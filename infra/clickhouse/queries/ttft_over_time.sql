-- How long do users wait for the first token, by version, over time?
--
-- model          of which model
-- from, to       the range: panes that start in [from, to), UTC
-- step_s         length of a row's interval in seconds: a multiple of the pane's length
-- panes          measure_pane_latest; beyond its 35 days measure_pane_1h_latest or measure_pane_1d_latest, with from,
--                to and step_s on the hour or the day
--
-- Needs the measure ttft_ms in the policy, and no slice dimension. Quantiles are within 1 % as in
-- measure_quantiles.sql. An interval in which a version streamed nothing has no row.
SELECT
  time,
  version,
  sum(weight) AS n,
  quantileExactWeighted(0.5)(value, weight) AS p50,
  quantileExactWeighted(0.95)(value, weight) AS p95,
  quantileExactWeighted(0.99)(value, weight) AS p99
FROM (
  SELECT
    toStartOfInterval(p.pane_start, toIntervalSecond({step_s:UInt32})) AS time,
    p.version AS version,
    bucket.1 AS value,
    sum(bucket.2) AS weight
  FROM {panes:Identifier} AS p
  ARRAY JOIN arrayZip(p.bucket_values, p.counts) AS bucket
  WHERE p.model = {model:String}
    AND p.measure = 'ttft_ms'
    AND p.pane_start >= {from:DateTime64(3, 'UTC')}
    AND p.pane_start < {to:DateTime64(3, 'UTC')}
  GROUP BY time, version, value
)
GROUP BY time, version
ORDER BY time, version
