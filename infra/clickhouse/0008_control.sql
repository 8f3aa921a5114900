-- What rollguard concluded: each verdict where it changed, and every control event. Both are small and are asked for
-- long afterwards, so they live longer than the counts they came from.
CREATE TABLE IF NOT EXISTS verdict ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version that is judged, * for all of them together',
  slice LowCardinality(String) COMMENT 'canonical text of dims, * for all traffic',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  rule LowCardinality(String) COMMENT 'name of the rule in the policy',
  sli LowCardinality(String) COMMENT 'the SLI that was judged, empty where a rule judges none',
  at DateTime64(3, 'UTC') COMMENT 'end of the pane with which the verdict changed, event time' CODEC(Delta, ZSTD(1)),
  verdict LowCardinality(String) COMMENT 'OK, BAD, INSUFFICIENT or STALE',
  good UInt64 COMMENT 'good events it rests on; of the candidate, for a canary' CODEC(T64, ZSTD(1)),
  bad UInt64 COMMENT 'bad events it rests on' CODEC(T64, ZSTD(1)),
  value Nullable(Float64) COMMENT 'what was judged: a ratio, a difference of ratios, a statistic' CODEC(ZSTD(1)),
  lower Nullable(Float64) COMMENT 'lower bound of value' CODEC(ZSTD(1)),
  upper Nullable(Float64) COMMENT 'upper bound of value' CODEC(ZSTD(1)),
  since Nullable(DateTime64(3, 'UTC')) COMMENT 'when it began, as far as the counts can tell' CODEC(ZSTD(1)),
  evidence String COMMENT 'JSON: all that the verdict rests on' CODEC(ZSTD(3)),
  policy LowCardinality(String) COMMENT 'hash of the policy',
  ver UInt64 COMMENT 'always 1: the row is a function of its key and the policy' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(at)
PRIMARY KEY (model, rule, version)
ORDER BY (model, rule, version, slice, sli, at)
TTL toDateTime(inserted_at) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per rule, series and pane where the verdict changed';

CREATE TABLE IF NOT EXISTS control ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model it is about',
  version LowCardinality(String) COMMENT 'the version it is about: the candidate, after a release',
  id String COMMENT 'uuid5: the same for the same logs and policy' CODEC(ZSTD(1)),
  revision UInt64 COMMENT 'grows by one per model: a larger one outdates a smaller one' CODEC(T64, ZSTD(1)),
  type LowCardinality(String) COMMENT 'alert, rollback, rollback_applied, recovered, rollback_ineffective, promote, hold, throttle or kill',
  state LowCardinality(String) COMMENT 'firing or resolved',
  at DateTime64(3, 'UTC') COMMENT 'end of the pane that led to it, event time' CODEC(Delta, ZSTD(1)),
  pin LowCardinality(String) COMMENT 'the version that traffic must go to, empty if it may go anywhere',
  rule LowCardinality(String) COMMENT 'the rule that led to it',
  severity LowCardinality(String) COMMENT 'page, ticket or info',
  reason String COMMENT 'in words, where the evidence does not say it' CODEC(ZSTD(1)),
  slices String COMMENT 'JSON: the affected slices, worst first, each with its evidence' CODEC(ZSTD(3)),
  evidence String COMMENT 'JSON: what it rests on' CODEC(ZSTD(3)),
  diff String COMMENT 'JSON: what the release metadata says differently of baseline and candidate' CODEC(ZSTD(3)),
  runbook LowCardinality(String) COMMENT 'what to do',
  policy LowCardinality(String) COMMENT 'hash of the policy',
  silenced UInt8 COMMENT '1 = an alert that somebody muted',
  acked UInt8 COMMENT '1 = says that somebody looks after it',
  onset Nullable(DateTime64(3, 'UTC')) COMMENT 'when the harm began, as far as the counts can tell' CODEC(ZSTD(1)),
  detected Nullable(DateTime64(3, 'UTC')) COMMENT 'end of the pane that proved it; the rollback is said then' CODEC(ZSTD(1)),
  applied Nullable(DateTime64(3, 'UTC')) COMMENT 'when the traffic had moved' CODEC(ZSTD(1)),
  recovered Nullable(DateTime64(3, 'UTC')) COMMENT 'when what serves now was surely well' CODEC(ZSTD(1)),
  time_to_detect_ms Nullable(Int64) ALIAS dateDiff('millisecond', onset, detected) COMMENT 'onset to rollback',
  time_to_apply_ms Nullable(Int64) ALIAS dateDiff('millisecond', detected, applied) COMMENT 'rollback to moved traffic',
  time_to_recover_ms Nullable(Int64) ALIAS dateDiff('millisecond', onset, recovered) COMMENT 'onset to well users',
  ver UInt64 COMMENT 'the revision' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(at)
ORDER BY (model, at, id)
TTL toDateTime(inserted_at) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per control event';

CREATE VIEW IF NOT EXISTS verdict_latest ${ON_CLUSTER} AS SELECT * FROM verdict FINAL;

CREATE VIEW IF NOT EXISTS control_latest ${ON_CLUSTER} AS
SELECT *, time_to_detect_ms, time_to_apply_ms, time_to_recover_ms FROM control FINAL;
