-- How large is a measure (latency_ms, cost_usd, metrics.gpu_utilization, ...), by version and slice, over any range?
--
-- model, measure which numbers
-- from, to       the range: panes that start in [from, to), UTC
-- by             names of the slice dimensions to group by, in order; [] = all traffic. `slice` holds their values.
-- panes          measure_pane_latest; beyond its 35 days measure_pane_1h_latest or measure_pane_1d_latest, with from
--                and to on the hour or the day
--
-- Needs the dimensions named in `by` among the policy's slice dimensions. n, mean, min and max are exact. The quantiles
-- come from the merged buckets and are within (gamma - 1) / (gamma + 1), 1 % with the usual gamma, of the exact ones
-- that interpolate linearly between neighbours (as NumPy, pandas and measure_window do); an average of the quantiles
-- of panes would be off by any amount. For other quantiles change the four levels.
WITH arrayMap(quantile -> greatest(totals.min, least(totals.max, quantile)), merged.quantiles) AS quantiles
SELECT
  totals.version AS version,
  totals.slice AS slice,
  totals.n AS n,
  totals.mean AS mean,
  totals.min AS min,
  quantiles[1] AS p50,
  quantiles[2] AS p90,
  quantiles[3] AS p95,
  quantiles[4] AS p99,
  totals.max AS max
FROM (
  SELECT
    p.version AS version,
    arrayMap(d -> p.dims[d], {by:Array(String)}) AS slice,
    sum(p.n) AS n,
    toFloat64(sum(p.sum)) / sum(p.n) AS mean,
    min(p.min) AS min,
    max(p.max) AS max
  FROM {panes:Identifier} AS p
  WHERE p.model = {model:String}
    AND p.measure = {measure:String}
    AND p.pane_start >= {from:DateTime64(3, 'UTC')}
    AND p.pane_start < {to:DateTime64(3, 'UTC')}
  GROUP BY version, slice
) AS totals
INNER JOIN (
  WITH
    arrayMap(level -> level * (n - 1), [0.5, 0.9, 0.95, 0.99]) AS ranks,
    arrayMap(rank -> values[arrayFirstIndex(upto -> upto > floor(rank), upto_values)], ranks) AS below,
    arrayMap(rank -> values[arrayFirstIndex(upto -> upto > ceil(rank), upto_values)], ranks) AS above
  SELECT
    version,
    slice,
    arrayMap((rank, low, high) -> low + (rank - floor(rank)) * (high - low), ranks, below, above) AS quantiles
  FROM (
    SELECT
      version,
      slice,
      arraySort(groupArray((value, weight))) AS buckets,
      buckets.1 AS values,
      arrayCumSum(buckets.2) AS upto_values,
      sum(weight) AS n
    FROM (
      -- Adding up each bucket first makes the sort behind the quantiles a small one.
      SELECT
        p.version AS version,
        arrayMap(d -> p.dims[d], {by:Array(String)}) AS slice,
        bucket.1 AS value,
        sum(bucket.2) AS weight
      FROM {panes:Identifier} AS p
      ARRAY JOIN arrayZip(p.bucket_values, p.counts) AS bucket
      WHERE p.model = {model:String}
        AND p.measure = {measure:String}
        AND p.pane_start >= {from:DateTime64(3, 'UTC')}
        AND p.pane_start < {to:DateTime64(3, 'UTC')}
      GROUP BY version, slice, value
    )
    GROUP BY version, slice
  )
) AS merged ON merged.version = totals.version AND merged.slice = totals.slice
ORDER BY version, slice
