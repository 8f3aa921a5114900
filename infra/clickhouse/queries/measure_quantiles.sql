-- How large is a measure (latency_ms, cost_usd, metrics.gpu_utilization, ...), by version and slice, over any range?
--
-- model, measure which numbers
-- from, to       the range: panes that start in [from, to), UTC
-- by             names of the slice dimensions to group by, in order; [] = all traffic. `slice` holds their values.
-- panes          measure_pane_latest; over a day and more, or beyond its 35 days, measure_pane_1h_latest or
--                measure_pane_1d_latest, with from and to on the hour or the day
--
-- Needs the dimensions named in `by` among the policy's slice dimensions. n, mean, min and max are exact. The quantiles
-- come from the merged buckets and are within (gamma - 1) / (gamma + 1), 1 % with the usual gamma, of the exact ones
-- that interpolate linearly between neighbours (as NumPy, pandas and measure_window do); an average of the quantiles
-- of panes would be off by any amount. For other quantiles change the four levels.
WITH
  arrayMap(level -> level * (counted - 1), [0.5, 0.9, 0.95, 0.99]) AS ranks,
  arrayMap(rank -> buckets.1[arrayFirstIndex(upto -> upto > floor(rank), upto_values)], ranks) AS below,
  arrayMap(rank -> buckets.1[arrayFirstIndex(upto -> upto > ceil(rank), upto_values)], ranks) AS above,
  arrayMap(
    (rank, low, high) -> greatest(lowest, least(highest, low + (rank - floor(rank)) * (high - low))), ranks, below, above
  ) AS quantiles
SELECT
  version,
  slice,
  counted AS n,
  mean,
  lowest AS min,
  quantiles[1] AS p50,
  quantiles[2] AS p90,
  quantiles[3] AS p95,
  quantiles[4] AS p99,
  highest AS max
FROM (
  SELECT
    part.version AS version,
    part.slice AS slice,
    toFloat64(sum(part.part_sum)) / sum(part.part_n) AS mean,
    min(part.part_min) AS lowest,
    max(part.part_max) AS highest,
    arraySort(arrayFlatten(groupArray(added.cells))) AS buckets,
    arrayCumSum(buckets.2) AS upto_values,
    -- Not the sum of part_n: a pane that is stored meanwhile may be in one of the two only.
    upto_values[-1] AS counted
  FROM (
    SELECT
      p.version AS version,
      arrayMap(d -> p.dims[d], {by:Array(String)}) AS slice,
      cityHash64(version, slice, p.gamma) AS number,
      sum(p.n) AS part_n,
      sum(p.sum) AS part_sum,
      min(p.min) AS part_min,
      max(p.max) AS part_max
    FROM {panes:Identifier} AS p
    WHERE p.model = {model:String}
      AND p.measure = {measure:String}
      AND p.pane_start >= {from:DateTime64(3, 'UTC')}
      AND p.pane_start < {to:DateTime64(3, 'UTC')}
    GROUP BY version, slice, number
  ) AS part
  INNER JOIN (
    -- One by one, under one number for version, slice and gamma, codes add up in a third of the time of whole arrays
    -- (sumMap). What few are left then are decoded.
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
          cityHash64(p.version, arrayMap(d -> p.dims[d], {by:Array(String)}), p.gamma) AS number,
          p.gamma AS gamma,
          p.buckets AS codes,
          p.counts AS counts
        FROM {panes:Identifier} AS p
        WHERE p.model = {model:String}
          AND p.measure = {measure:String}
          AND p.pane_start >= {from:DateTime64(3, 'UTC')}
          AND p.pane_start < {to:DateTime64(3, 'UTC')}
      ) AS pane
      ARRAY JOIN pane.codes AS code, pane.counts AS events_in
      GROUP BY number, code
    ) AS summed
    GROUP BY number
  ) AS added ON added.number = part.number
  GROUP BY version, slice
)
ORDER BY version, slice
