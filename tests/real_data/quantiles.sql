-- Which quantiles does a measure have, by model, version and slice, over any range?
--
-- measure        which numbers
-- levels         which quantiles
-- from, to       the range: panes that start in [from, to), UTC
-- by             names of the slice dimensions to group by, in order; [] = all traffic. `slice` holds their values.
--
-- Linear between the two neighbouring order statistics, as the published numbers are: Hyndman and Fan (1996), "Sample
-- quantiles in statistical packages", The American Statistician 50, definition 7.
WITH
  arrayMap(level -> level * (n - 1), {levels:Array(Float64)}) AS ranks,
  arrayMap(rank -> values[arrayFirstIndex(upto -> upto > floor(rank), upto_values)], ranks) AS below,
  arrayMap(rank -> values[arrayFirstIndex(upto -> upto > ceil(rank), upto_values)], ranks) AS above
SELECT
  model,
  version,
  slice,
  arrayMap((rank, low, high) -> low + (rank - floor(rank)) * (high - low), ranks, below, above) AS quantiles
FROM (
  SELECT
    model,
    version,
    slice,
    arraySort(groupArray((value, weight))) AS buckets,
    buckets.1 AS values,
    arrayCumSum(buckets.2) AS upto_values,
    sum(weight) AS n
  FROM (
    SELECT
      p.model AS model,
      p.version AS version,
      arrayMap(d -> p.dims[d], {by:Array(String)}) AS slice,
      bucket.1 AS value,
      sum(bucket.2) AS weight
    FROM measure_pane_latest AS p
    ARRAY JOIN arrayZip(p.bucket_values, p.counts) AS bucket
    WHERE p.measure = {measure:String}
      AND p.pane_start >= {from:DateTime64(3, 'UTC')}
      AND p.pane_start < {to:DateTime64(3, 'UTC')}
    GROUP BY model, version, slice, value
  )
  GROUP BY model, version, slice
)
ORDER BY model, version, slice
