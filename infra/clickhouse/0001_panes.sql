-- Counts per pane at the finest slice grain. They merge to any slice and any range: ratios from sums of counts,
-- quantiles from merged buckets, never from averages of either.
--
-- Every table of rollguard follows these rules:
-- - A row's version is a function of what it says, never a clock, so a row that is sent again replaces itself.
-- - The sorting key names every column that makes the row another row, and the partition is a function of it:
--   FINAL would leave both of two equal keys in different partitions.
-- - Rows live from the time they were written, not from the time they tell of: else a replay of last year's log
--   would vanish while it is being written.
-- - An insert carries a token; the deduplication window (off by default without replication) makes the server
--   forget the second copy of an insert whose acknowledgement was lost. 1000 inserts are half an hour and more.

-- The hour stands early in the key so that a time range over all slices, and the roll-up of one hour, read few
-- granules; within the hour the panes of a series lie together and compress.

CREATE TABLE IF NOT EXISTS sli_pane ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  slice LowCardinality(String) COMMENT 'canonical text of dims, the finest grain: every dimension of the policy',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  pane_start DateTime64(3, 'UTC') COMMENT 'event time' CODEC(Delta, ZSTD(1)),
  pane_ms UInt32 COMMENT 'length of the pane' CODEC(T64, ZSTD(1)),
  late UInt8 COMMENT '1 = came after the pane had closed; part of every total, of no verdict',
  arrival DateTime64(3, 'UTC') COMMENT 'start of the pane that was open when the events came' CODEC(Delta, ZSTD(1)),
  sli LowCardinality(String) COMMENT 'name of the rule in the policy',
  good UInt64 COMMENT 'events the rule calls good' CODEC(T64, ZSTD(1)),
  bad UInt64 COMMENT 'events the rule calls bad' CODEC(T64, ZSTD(1)),
  neither UInt64 COMMENT 'events the rule does not judge' CODEC(T64, ZSTD(1)),
  ver UInt64 COMMENT 'events folded into the row; the largest replaces the others' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1)),
  INDEX inserted inserted_at TYPE minmax GRANULARITY 4
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(pane_start)
PRIMARY KEY (model, sli, toStartOfHour(pane_start))
ORDER BY (model, sli, toStartOfHour(pane_start), version, slice, pane_start, pane_ms, late, arrival)
TTL toDateTime(inserted_at) + INTERVAL 35 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000,
  min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'one row per finest series, pane and SLI';

CREATE TABLE IF NOT EXISTS outcome_pane ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  slice LowCardinality(String) COMMENT 'canonical text of dims, the finest grain: every dimension of the policy',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  pane_start DateTime64(3, 'UTC') COMMENT 'event time' CODEC(Delta, ZSTD(1)),
  pane_ms UInt32 COMMENT 'length of the pane' CODEC(T64, ZSTD(1)),
  late UInt8 COMMENT '1 = came after the pane had closed; part of every total, of no verdict',
  arrival DateTime64(3, 'UTC') COMMENT 'start of the pane that was open when the events came' CODEC(Delta, ZSTD(1)),
  error_type LowCardinality(String) COMMENT 'empty = the request succeeded',
  n UInt64 COMMENT 'events' CODEC(T64, ZSTD(1)),
  ver UInt64 COMMENT 'events folded into the row; the largest replaces the others' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1)),
  INDEX inserted inserted_at TYPE minmax GRANULARITY 4
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(pane_start)
PRIMARY KEY (model, toStartOfHour(pane_start))
ORDER BY (model, toStartOfHour(pane_start), version, slice, error_type, pane_start, pane_ms, late, arrival)
TTL toDateTime(inserted_at) + INTERVAL 35 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000,
  min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'one row per finest series, pane and error type';

CREATE TABLE IF NOT EXISTS measure_pane ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  slice LowCardinality(String) COMMENT 'canonical text of dims, the finest grain: every dimension of the policy',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  pane_start DateTime64(3, 'UTC') COMMENT 'event time' CODEC(Delta, ZSTD(1)),
  pane_ms UInt32 COMMENT 'length of the pane' CODEC(T64, ZSTD(1)),
  late UInt8 COMMENT '1 = came after the pane had closed; part of every total, of no verdict',
  arrival DateTime64(3, 'UTC') COMMENT 'start of the pane that was open when the events came' CODEC(Delta, ZSTD(1)),
  measure LowCardinality(String) COMMENT 'latency_ms, cost_usd, ...',
  n UInt64 COMMENT 'events that have the measure' CODEC(T64, ZSTD(1)),
  sum Decimal(38, 9) COMMENT 'exact' CODEC(ZSTD(1)),
  min Float64 COMMENT 'smallest value' CODEC(ZSTD(1)),
  max Float64 COMMENT 'largest value' CODEC(ZSTD(1)),
  gamma Float64 COMMENT 'bucket width: a bucket ends at gamma times its start' CODEC(ZSTD(1)),
  buckets Array(Int16) COMMENT 'bucket codes; bucket_values decodes them' CODEC(Delta, ZSTD(1)),
  counts Array(UInt32) COMMENT 'events in each bucket' CODEC(T64, ZSTD(1)),
  -- A code from -1036 to 1382 is the exponent b of a positive value, -2000 is the value zero, and a code below it
  -- is a negative value whose exponent is -(code + 4000). Reading the middle of a bucket is wrong by at most
  -- (gamma - 1) / (gamma + 1) of the value, whatever slices and ranges are merged.
  bucket_values Array(Float64) ALIAS arrayMap(
    code -> multiIf(
      code = -2000, 0,
      code < -2000, -2 * pow(gamma, -(code + 4000)) / (gamma + 1),
      2 * pow(gamma, code) / (gamma + 1)),
    buckets) COMMENT 'the value that stands for each bucket',
  ver UInt64 COMMENT 'events folded into the row; the largest replaces the others' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1)),
  INDEX inserted inserted_at TYPE minmax GRANULARITY 4
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(pane_start)
PRIMARY KEY (model, measure, toStartOfHour(pane_start))
ORDER BY (model, measure, toStartOfHour(pane_start), version, slice, pane_start, pane_ms, late, arrival)
TTL toDateTime(inserted_at) + INTERVAL 35 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000,
  min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'one row per finest series, pane and measure';
