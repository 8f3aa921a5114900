-- Monitors that judge every window said OK of each field and slice in a row each: 100 fields in 50 slices were 240,000
-- rows a day. What says what the last row of its field said stands in one row of its series and window from now on, with
-- its score; `drift` keeps what is BAD, what changed, and all traffic.
CREATE TABLE IF NOT EXISTS drift_window ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  slice LowCardinality(String) COMMENT 'canonical text of dims, * for all traffic',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  monitor LowCardinality(String) COMMENT 'name of the monitor in the policy',
  window_start DateTime64(3, 'UTC') COMMENT 'event time' CODEC(Delta, ZSTD(1)),
  window_end DateTime64(3, 'UTC') COMMENT 'exclusive' CODEC(Delta, ZSTD(1)),
  method LowCardinality(String) COMMENT 'psi, sigma or calibration',
  reference LowCardinality(String) COMMENT 'profile, last_week or baseline',
  ok UInt32 COMMENT 'fields that are OK' CODEC(T64, ZSTD(1)),
  bad UInt32 COMMENT 'fields that are BAD' CODEC(T64, ZSTD(1)),
  insufficient UInt32 COMMENT 'fields with too few values' CODEC(T64, ZSTD(1)),
  worst_field LowCardinality(String) COMMENT 'the field furthest towards its threshold, or beyond it',
  worst Nullable(Float64) COMMENT 'its score' CODEC(ZSTD(1)),
  worst_threshold Nullable(Float64) COMMENT 'its threshold' CODEC(ZSTD(1)),
  fields Array(LowCardinality(String)) COMMENT 'those that say what their last row in drift says, and have none of this window' CODEC(ZSTD(1)),
  verdicts Array(LowCardinality(String)) COMMENT 'of each of fields: OK or INSUFFICIENT' CODEC(ZSTD(1)),
  scores Array(Nullable(Float64)) COMMENT 'of each of fields' CODEC(ZSTD(1)),
  thresholds Array(Nullable(Float64)) COMMENT 'of each of fields' CODEC(ZSTD(1)),
  sizes Array(UInt64) COMMENT 'of each of fields: values of the window' CODEC(ZSTD(1)),
  policy LowCardinality(String) COMMENT 'hash of the policy',
  ver UInt64 COMMENT 'always 1: the row is a function of its key and the policy' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(window_end)
PRIMARY KEY (model, monitor, version)
ORDER BY (model, monitor, version, slice, window_end, window_start)
TTL toDateTime(inserted_at) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per monitor that judges every window, series and window';

CREATE VIEW IF NOT EXISTS drift_window_latest ${ON_CLUSTER} AS SELECT * FROM drift_window FINAL;

-- A row per monitor, series, field and window, whether it has a row of its own or not.
CREATE VIEW IF NOT EXISTS drift_scores ${ON_CLUSTER} AS
SELECT model, version, slice, dims, monitor, field, window_start, window_end, method, reference, verdict, score, threshold,
  n_current, policy
FROM drift FINAL
UNION ALL
SELECT model, version, slice, dims, monitor, field, window_start, window_end, method, reference, verdict, score, threshold,
  n_current, policy
FROM drift_window FINAL
ARRAY JOIN fields AS field, verdicts AS verdict, scores AS score, thresholds AS threshold, sizes AS n_current;
