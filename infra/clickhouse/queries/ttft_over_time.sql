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
WITH
  arrayMap(level -> level * (n - 1), [0.5, 0.95, 0.99]) AS ranks,
  arrayMap(rank -> values[arrayFirstIndex(upto -> upto > floor(rank), upto_values)], ranks) AS below,
  arrayMap(rank -> values[arrayFirstIndex(upto -> upto > ceil(rank), upto_values)], ranks) AS above,
  arrayMap((rank, low, high) -> low + (rank - floor(rank)) * (high - low), ranks, below, above) AS quantiles
SELECT time, version, n, quantiles[1] AS p50, quantiles[2] AS p95, quantiles[3] AS p99
FROM (
  SELECT
    part.time AS time,
    part.version AS version,
    arraySort(arrayFlatten(groupArray(added.cells))) AS buckets,
    buckets.1 AS values,
    arrayCumSum(buckets.2) AS upto_values,
    upto_values[-1] AS n
  FROM (
    SELECT
      toStartOfInterval(p.pane_start, toIntervalSecond({step_s:UInt32})) AS time,
      p.version AS version,
      cityHash64(time, version, p.gamma) AS number
    FROM {panes:Identifier} AS p
    WHERE p.model = {model:String}
      AND p.measure = 'ttft_ms'
      AND p.pane_start >= {from:DateTime64(3, 'UTC')}
      AND p.pane_start < {to:DateTime64(3, 'UTC')}
    GROUP BY time, version, number
  ) AS part
  INNER JOIN (
    -- Codes add up one by one, under numbers, as in measure_quantiles.sql; what few are left then are decoded.
    SELECT
      summed.number AS number,
      groupArray((
        multiIf(
          summed.code = -2000, 0,
          summed.code < -2000, -2 * pow(summed.gamma, -(summed.code + 4000)) / (summed.gamma + 1),
          2 * pow(summed.gamma, summed.code) / (summed.gamma + 1)),
        summed.events)) AS cells
    FROM (
      SELECT pane.number AS number, code, any(pane.gamma) AS gamma, sum(events_in) AS events
      FROM (
        SELECT
          cityHash64(
            toStartOfInterval(p.pane_start, toIntervalSecond({step_s:UInt32})), p.version, p.gamma) AS number,
          p.gamma AS gamma,
          p.buckets AS codes,
          p.counts AS counts
        FROM {panes:Identifier} AS p
        WHERE p.model = {model:String}
          AND p.measure = 'ttft_ms'
          AND p.pane_start >= {from:DateTime64(3, 'UTC')}
          AND p.pane_start < {to:DateTime64(3, 'UTC')}
      ) AS pane
      ARRAY JOIN pane.codes AS code, pane.counts AS events_in
      GROUP BY number, code
    ) AS summed
    GROUP BY number
  ) AS added ON added.number = part.number
  GROUP BY time, version
)
ORDER BY time, version
