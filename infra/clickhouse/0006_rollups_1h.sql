-- Panes merged to the hour, late rows included. The columns are those of the panes, so that a query of
-- infra/clickhouse/queries reads either; `late` and `arrival` are merged away.
--
-- An incremental view would count every row that is sent again, so a refresh reads the panes with FINAL and writes
-- again every hour that got a row since the last refresh that wrote (less five minutes, for inserts under way then).
-- After an outage of any length the next refresh finds all it has missed; into an empty table it builds everything.
--
-- The version is the sum of the panes' versions: panes only grow, so a later refresh replaces an earlier one, and
-- an hour whose panes have partly expired can no longer overwrite what was counted when they were all there.

CREATE TABLE IF NOT EXISTS sli_pane_1h ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  slice LowCardinality(String) COMMENT 'canonical text of dims, the finest grain: every dimension of the policy',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  pane_start DateTime64(3, 'UTC') COMMENT 'start of the hour, UTC' CODEC(Delta, ZSTD(1)),
  pane_ms UInt32 COMMENT 'length of the hour' CODEC(T64, ZSTD(1)),
  sli LowCardinality(String) COMMENT 'name of the rule in the policy',
  good UInt64 COMMENT 'events the rule calls good' CODEC(T64, ZSTD(1)),
  bad UInt64 COMMENT 'events the rule calls bad' CODEC(T64, ZSTD(1)),
  neither UInt64 COMMENT 'events the rule does not judge' CODEC(T64, ZSTD(1)),
  ver UInt64 COMMENT 'sum of the versions merged; the largest replaces the others' CODEC(T64, ZSTD(1)),
  refreshed_at DateTime64(3, 'UTC') COMMENT 'when the refresh wrote the row' CODEC(Delta, ZSTD(1)),
  INDEX refreshed refreshed_at TYPE minmax GRANULARITY 4
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(pane_start)
ORDER BY (model, sli, version, slice, pane_start)
TTL toDateTime(refreshed_at) + INTERVAL 400 DAY DELETE
COMMENT 'sli_pane merged to the hour';

CREATE MATERIALIZED VIEW IF NOT EXISTS sli_pane_1h_refresh ${ON_CLUSTER}
REFRESH EVERY 1 MINUTE APPEND TO sli_pane_1h AS
SELECT
  p.model AS model,
  p.version AS version,
  p.slice AS slice,
  any(p.dims) AS dims,
  toStartOfHour(p.pane_start) AS pane_start,
  3600000 AS pane_ms,
  p.sli AS sli,
  sum(p.good) AS good,
  sum(p.bad) AS bad,
  sum(p.neither) AS neither,
  sum(p.ver) AS ver,
  now64(3, 'UTC') AS refreshed_at
FROM sli_pane AS p FINAL
WHERE toStartOfHour(p.pane_start) IN (
  SELECT toStartOfHour(fresh.pane_start) FROM sli_pane AS fresh
  WHERE fresh.inserted_at >= (SELECT max(done.refreshed_at) FROM sli_pane_1h AS done) - INTERVAL 5 MINUTE)
GROUP BY p.model, p.version, p.slice, p.sli, toStartOfHour(p.pane_start);

CREATE VIEW IF NOT EXISTS sli_pane_1h_latest ${ON_CLUSTER} AS SELECT * FROM sli_pane_1h FINAL;

CREATE TABLE IF NOT EXISTS outcome_pane_1h ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  slice LowCardinality(String) COMMENT 'canonical text of dims, the finest grain: every dimension of the policy',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  pane_start DateTime64(3, 'UTC') COMMENT 'start of the hour, UTC' CODEC(Delta, ZSTD(1)),
  pane_ms UInt32 COMMENT 'length of the hour' CODEC(T64, ZSTD(1)),
  error_type LowCardinality(String) COMMENT 'empty = the request succeeded',
  n UInt64 COMMENT 'events' CODEC(T64, ZSTD(1)),
  ver UInt64 COMMENT 'sum of the versions merged; the largest replaces the others' CODEC(T64, ZSTD(1)),
  refreshed_at DateTime64(3, 'UTC') COMMENT 'when the refresh wrote the row' CODEC(Delta, ZSTD(1)),
  INDEX refreshed refreshed_at TYPE minmax GRANULARITY 4
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(pane_start)
ORDER BY (model, error_type, version, slice, pane_start)
TTL toDateTime(refreshed_at) + INTERVAL 400 DAY DELETE
COMMENT 'outcome_pane merged to the hour';

CREATE MATERIALIZED VIEW IF NOT EXISTS outcome_pane_1h_refresh ${ON_CLUSTER}
REFRESH EVERY 1 MINUTE APPEND TO outcome_pane_1h AS
SELECT
  p.model AS model,
  p.version AS version,
  p.slice AS slice,
  any(p.dims) AS dims,
  toStartOfHour(p.pane_start) AS pane_start,
  3600000 AS pane_ms,
  p.error_type AS error_type,
  sum(p.n) AS n,
  sum(p.ver) AS ver,
  now64(3, 'UTC') AS refreshed_at
FROM outcome_pane AS p FINAL
WHERE toStartOfHour(p.pane_start) IN (
  SELECT toStartOfHour(fresh.pane_start) FROM outcome_pane AS fresh
  WHERE fresh.inserted_at >= (SELECT max(done.refreshed_at) FROM outcome_pane_1h AS done) - INTERVAL 5 MINUTE)
GROUP BY p.model, p.version, p.slice, p.error_type, toStartOfHour(p.pane_start);

CREATE VIEW IF NOT EXISTS outcome_pane_1h_latest ${ON_CLUSTER} AS SELECT * FROM outcome_pane_1h FINAL;

CREATE TABLE IF NOT EXISTS measure_pane_1h ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  slice LowCardinality(String) COMMENT 'canonical text of dims, the finest grain: every dimension of the policy',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  pane_start DateTime64(3, 'UTC') COMMENT 'start of the hour, UTC' CODEC(Delta, ZSTD(1)),
  pane_ms UInt32 COMMENT 'length of the hour' CODEC(T64, ZSTD(1)),
  measure LowCardinality(String) COMMENT 'latency_ms, cost_usd, ...',
  n UInt64 COMMENT 'events that have the measure' CODEC(T64, ZSTD(1)),
  sum Decimal(38, 9) COMMENT 'exact' CODEC(ZSTD(1)),
  min Float64 COMMENT 'smallest value' CODEC(ZSTD(1)),
  max Float64 COMMENT 'largest value' CODEC(ZSTD(1)),
  gamma Float64 COMMENT 'bucket width: a bucket ends at gamma times its start' CODEC(ZSTD(1)),
  buckets Array(Int16) COMMENT 'bucket codes; bucket_values decodes them' CODEC(Delta, ZSTD(1)),
  counts Array(UInt64) COMMENT 'events in each bucket' CODEC(T64, ZSTD(1)),
  -- A code from -1036 to 1382 is the exponent b of a positive value, -2000 is the value zero, and a code below it
  -- is a negative value whose exponent is -(code + 4000). Reading the middle of a bucket is wrong by at most
  -- (gamma - 1) / (gamma + 1) of the value, whatever slices and ranges are merged.
  bucket_values Array(Float64) ALIAS arrayMap(
    code -> multiIf(
      code = -2000, 0,
      code < -2000, -2 * pow(gamma, -(code + 4000)) / (gamma + 1),
      2 * pow(gamma, code) / (gamma + 1)),
    buckets) COMMENT 'the value that stands for each bucket',
  ver UInt64 COMMENT 'sum of the versions merged; the largest replaces the others' CODEC(T64, ZSTD(1)),
  refreshed_at DateTime64(3, 'UTC') COMMENT 'when the refresh wrote the row' CODEC(Delta, ZSTD(1)),
  INDEX refreshed refreshed_at TYPE minmax GRANULARITY 4
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(pane_start)
ORDER BY (model, measure, version, slice, pane_start, gamma)
TTL toDateTime(refreshed_at) + INTERVAL 400 DAY DELETE
COMMENT 'measure_pane merged to the hour';

CREATE MATERIALIZED VIEW IF NOT EXISTS measure_pane_1h_refresh ${ON_CLUSTER}
REFRESH EVERY 1 MINUTE APPEND TO measure_pane_1h AS
SELECT
  p.model AS model,
  p.version AS version,
  p.slice AS slice,
  any(p.dims) AS dims,
  toStartOfHour(p.pane_start) AS pane_start,
  3600000 AS pane_ms,
  p.measure AS measure,
  sum(p.n) AS n,
  sum(p.sum) AS sum,
  min(p.min) AS min,
  max(p.max) AS max,
  p.gamma AS gamma,
  sumMap(p.buckets, arrayMap(k -> toUInt64(k), p.counts)).1 AS buckets,
  sumMap(p.buckets, arrayMap(k -> toUInt64(k), p.counts)).2 AS counts,
  sum(p.ver) AS ver,
  now64(3, 'UTC') AS refreshed_at
FROM measure_pane AS p FINAL
WHERE toStartOfHour(p.pane_start) IN (
  SELECT toStartOfHour(fresh.pane_start) FROM measure_pane AS fresh
  WHERE fresh.inserted_at >= (SELECT max(done.refreshed_at) FROM measure_pane_1h AS done) - INTERVAL 5 MINUTE)
GROUP BY p.model, p.version, p.slice, p.measure, p.gamma, toStartOfHour(p.pane_start);

CREATE VIEW IF NOT EXISTS measure_pane_1h_latest ${ON_CLUSTER} AS SELECT *, bucket_values FROM measure_pane_1h FINAL;
