-- What monitors found. A row of `drift` says what the policy of that time called it; `feature_window` has the counts that
-- it was said of, so that any other distance can be computed; `profile` has the bins that both are in.
CREATE TABLE IF NOT EXISTS drift ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  slice LowCardinality(String) COMMENT 'canonical text of dims, * for all traffic',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  monitor LowCardinality(String) COMMENT 'name of the monitor in the policy',
  field LowCardinality(String) COMMENT 'what was watched: features.amount, prediction, sli.availability, ...',
  window_start DateTime64(3, 'UTC') COMMENT 'event time' CODEC(Delta, ZSTD(1)),
  window_end DateTime64(3, 'UTC') COMMENT 'exclusive; of adwin and page_hinkley the pane' CODEC(Delta, ZSTD(1)),
  axis LowCardinality(String) COMMENT 'input, output or quality',
  kind LowCardinality(String) COMMENT 'covariate, label or concept',
  method LowCardinality(String) COMMENT 'psi, sigma, adwin, page_hinkley, or of a contract: absent, missing, type, category, range, constant, cardinality, mean, deviation, scale',
  reference LowCardinality(String) COMMENT 'profile, last_week, baseline, or learned from the series itself',
  verdict LowCardinality(String) COMMENT 'OK, BAD or INSUFFICIENT. psi and sigma have a row for each window, the others where it changes',
  score Nullable(Float64) COMMENT 'PSI in nats; standard errors; of a contract what was observed, in the unit of method' CODEC(ZSTD(1)),
  threshold Nullable(Float64) COMMENT 'beyond this it is drift, were it judged alone' CODEC(ZSTD(1)),
  p Nullable(Float64) COMMENT 'how likely chance gives as much' CODEC(ZSTD(1)),
  kl Nullable(Float64) COMMENT 'KL(current || reference), nats' CODEC(ZSTD(1)),
  jensen_shannon Nullable(Float64) COMMENT 'nats, 0 to ln 2' CODEC(ZSTD(1)),
  expected Nullable(Float64) COMMENT 'what the reference has where the score is what was observed' CODEC(ZSTD(1)),
  n_reference UInt64 COMMENT 'values of the reference; of adwin and page_hinkley panes' CODEC(T64, ZSTD(1)),
  n_current UInt64 COMMENT 'values of the window' CODEC(T64, ZSTD(1)),
  profile LowCardinality(String) COMMENT 'name of the profile by its content, empty without one',
  detail String COMMENT 'in words: what offends, which way it moved' CODEC(ZSTD(1)),
  requests String COMMENT 'JSON: ids of the first requests that offend' CODEC(ZSTD(1)),
  policy LowCardinality(String) COMMENT 'hash of the policy',
  ver UInt64 COMMENT 'always 1: the row is a function of its key and the policy' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(window_end)
PRIMARY KEY (model, monitor, field, version)
ORDER BY (model, monitor, field, version, slice, method, window_end, window_start)
TTL toDateTime(inserted_at) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per monitor, series, field and window';

CREATE TABLE IF NOT EXISTS feature_window ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  slice LowCardinality(String) COMMENT 'canonical text of dims, * for all traffic',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  field LowCardinality(String) COMMENT 'features.amount, prediction, score, feedback.judge, embedding, ...',
  profile LowCardinality(String) COMMENT 'name of the profile whose bins these are',
  window_start DateTime64(3, 'UTC') COMMENT 'event time' CODEC(Delta, ZSTD(1)),
  window_end DateTime64(3, 'UTC') COMMENT 'exclusive' CODEC(Delta, ZSTD(1)),
  counts Array(UInt32) COMMENT 'values in each bin of the profile, in its order; missing and unseen last' CODEC(T64, ZSTD(1)),
  n UInt64 COMMENT 'numbers among them' CODEC(T64, ZSTD(1)),
  mean Nullable(Float64) COMMENT 'of the numbers' CODEC(ZSTD(1)),
  sd Nullable(Float64) COMMENT 'standard deviation of the numbers' CODEC(ZSTD(1)),
  low Nullable(Float64) COMMENT 'smallest' CODEC(ZSTD(1)),
  high Nullable(Float64) COMMENT 'largest' CODEC(ZSTD(1)),
  ver UInt64 COMMENT 'values folded into the row; the largest replaces the others' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(window_end)
PRIMARY KEY (model, field, version)
ORDER BY (model, field, version, slice, profile, window_end, window_start)
TTL toDateTime(inserted_at) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per watched field, series and window';

-- Kept for three years: a profile is written once, when it is first used.
CREATE TABLE IF NOT EXISTS profile ${ON_CLUSTER} (
  profile LowCardinality(String) COMMENT 'name of the profile by its content',
  field LowCardinality(String) COMMENT 'features.amount, prediction, score, feedback.judge, embedding, ...',
  bin UInt32 COMMENT 'place of the bin in feature_window.counts, from 1',
  label String COMMENT 'what is in it: a range, a category, (missing) or (unseen)' CODEC(ZSTD(1)),
  low Nullable(Float64) COMMENT 'of a number: from there on' CODEC(ZSTD(1)),
  high Nullable(Float64) COMMENT 'of a number: below that' CODEC(ZSTD(1)),
  n UInt64 COMMENT 'values of the reference in it' CODEC(T64, ZSTD(1)),
  ver UInt64 COMMENT 'always 1: the row is a function of its key' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
ORDER BY (profile, field, bin)
TTL toDateTime(inserted_at) + INTERVAL 1100 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per profile, field and bin';

CREATE VIEW IF NOT EXISTS drift_latest ${ON_CLUSTER} AS SELECT * FROM drift FINAL;

CREATE VIEW IF NOT EXISTS feature_window_latest ${ON_CLUSTER} AS SELECT * FROM feature_window FINAL;

CREATE VIEW IF NOT EXISTS profile_latest ${ON_CLUSTER} AS SELECT * FROM profile FINAL;
