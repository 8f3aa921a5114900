-- What the rules saw: windows of every series, marginal slices and * too. A convenience to look at; these rows
-- must not be summed or averaged over slices or over windows that overlap (ask the panes instead).

CREATE TABLE IF NOT EXISTS sli_window ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  slice LowCardinality(String) COMMENT 'canonical text of dims, * for all traffic',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  kind LowCardinality(String) COMMENT 'tumbling or sliding',
  size_ms UInt64 COMMENT 'length of the window' CODEC(T64, ZSTD(1)),
  window_start DateTime64(3, 'UTC') COMMENT 'event time' CODEC(Delta, ZSTD(1)),
  window_end DateTime64(3, 'UTC') COMMENT 'exclusive' CODEC(Delta, ZSTD(1)),
  sli LowCardinality(String) COMMENT 'name of the rule in the policy',
  good UInt64 COMMENT 'events the rule calls good' CODEC(T64, ZSTD(1)),
  bad UInt64 COMMENT 'events the rule calls bad' CODEC(T64, ZSTD(1)),
  ratio Float64 COMMENT 'good / (good + bad); NaN without either' CODEC(ZSTD(1)),
  lower Float64 COMMENT 'lower end of the interval of the ratio' CODEC(ZSTD(1)),
  upper Float64 COMMENT 'upper end of the interval of the ratio' CODEC(ZSTD(1)),
  ver UInt64 COMMENT 'events folded into the row; the largest replaces the others' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(window_start)
ORDER BY (model, sli, kind, size_ms, version, slice, window_start, window_end)
TTL toDateTime(inserted_at) + INTERVAL 90 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per series, window and SLI';

CREATE TABLE IF NOT EXISTS measure_window ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  slice LowCardinality(String) COMMENT 'canonical text of dims, * for all traffic',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  kind LowCardinality(String) COMMENT 'tumbling or sliding',
  size_ms UInt64 COMMENT 'length of the window' CODEC(T64, ZSTD(1)),
  window_start DateTime64(3, 'UTC') COMMENT 'event time' CODEC(Delta, ZSTD(1)),
  window_end DateTime64(3, 'UTC') COMMENT 'exclusive' CODEC(Delta, ZSTD(1)),
  measure LowCardinality(String) COMMENT 'latency_ms, cost_usd, ...',
  n UInt64 COMMENT 'events that have the measure' CODEC(T64, ZSTD(1)),
  mean Float64 COMMENT 'exact' CODEC(ZSTD(1)),
  p50 Float64 COMMENT 'of the merged buckets, within 1 %' CODEC(ZSTD(1)),
  p90 Float64 COMMENT 'of the merged buckets, within 1 %' CODEC(ZSTD(1)),
  p95 Float64 COMMENT 'of the merged buckets, within 1 %' CODEC(ZSTD(1)),
  p99 Float64 COMMENT 'of the merged buckets, within 1 %' CODEC(ZSTD(1)),
  max Float64 COMMENT 'exact' CODEC(ZSTD(1)),
  ver UInt64 COMMENT 'events folded into the row; the largest replaces the others' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(window_start)
ORDER BY (model, measure, kind, size_ms, version, slice, window_start, window_end)
TTL toDateTime(inserted_at) + INTERVAL 90 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per series, window and measure';
