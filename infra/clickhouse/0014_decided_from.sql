-- What verdicts and control events were made from, and what people ask while they read them: how the evidence grew, where
-- each release stood, under which policy, who commanded what, how far the counting is, and how requests ended by minute.
CREATE TABLE IF NOT EXISTS evidence ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the candidate',
  slice LowCardinality(String) COMMENT 'canonical text of dims, * for all traffic',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  baseline LowCardinality(String) COMMENT 'the version it is compared with',
  rule LowCardinality(String) COMMENT 'name of the canary rule',
  sli LowCardinality(String) COMMENT 'what is compared; empty where it is a measure',
  measure LowCardinality(String) COMMENT 'the measure whose values beyond a limit are bad; empty where it is an SLI',
  at DateTime64(3, 'UTC') COMMENT 'end of the pane, event time' CODEC(Delta, ZSTD(1)),
  began DateTime64(3, 'UTC') COMMENT 'start of the pane that the comparison began with' CODEC(Delta, ZSTD(1)),
  verdict LowCardinality(String) COMMENT 'OK, BAD or INSUFFICIENT, with this pane',
  candidate_good UInt64 COMMENT 'events that were compared, so far' CODEC(T64, ZSTD(1)),
  candidate_bad UInt64 COMMENT 'events that were compared, so far' CODEC(T64, ZSTD(1)),
  baseline_good UInt64 COMMENT 'events that were compared, so far' CODEC(T64, ZSTD(1)),
  baseline_bad UInt64 COMMENT 'events that were compared, so far' CODEC(T64, ZSTD(1)),
  value Nullable(Float64) COMMENT 'difference of the ratios of bad events, candidate less baseline, at one mix of slices' CODEC(ZSTD(1)),
  lower Nullable(Float64) COMMENT 'lower bound of value, at any time' CODEC(ZSTD(1)),
  upper Nullable(Float64) COMMENT 'upper bound of value, at any time' CODEC(ZSTD(1)),
  odds_ratio Nullable(Float64) COMMENT 'factor between the odds of a bad event' CODEC(ZSTD(1)),
  odds_lower Nullable(Float64) COMMENT 'lower bound of odds_ratio' CODEC(ZSTD(1)),
  odds_upper Nullable(Float64) COMMENT 'upper bound of odds_ratio, NULL where there is none' CODEC(ZSTD(1)),
  log_e Float64 COMMENT 'ln E of: the candidate is worse than tolerated' CODEC(ZSTD(1)),
  log_e_peak Float64 COMMENT 'the largest log_e so far; it decides about all traffic' CODEC(ZSTD(1)),
  needed_log_e Float64 COMMENT 'ln E that decides; for a slice: by itself, where several are worse less is enough' CODEC(ZSTD(1)),
  detectable Nullable(Float64) COMMENT 'smallest difference that could have been seen so far' CODEC(ZSTD(1)),
  decides_in Nullable(Float64) COMMENT 'further events of the candidate that would decide at what was seen, NULL where none would' CODEC(ZSTD(1)),
  since Nullable(DateTime64(3, 'UTC')) COMMENT 'when the harm began, as far as the counts can tell' CODEC(ZSTD(1)),
  policy LowCardinality(String) COMMENT 'hash of the policy',
  ver UInt64 COMMENT 'always 1: the row is a function of its key and the policy' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(at)
PRIMARY KEY (model, rule, version)
ORDER BY (model, rule, version, sli, measure, slice, at)
TTL toDateTime(inserted_at) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per e-process and pane with which something of it moved; all of a release where a verdict of it changed';

CREATE TABLE IF NOT EXISTS release ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the candidate, or a version without a release that was withdrawn or throttled',
  baseline LowCardinality(String) COMMENT 'the version it is compared with, empty without',
  at DateTime64(3, 'UTC') COMMENT 'end of the pane with which it changed, event time' CODEC(Delta, ZSTD(1)),
  phase LowCardinality(String) COMMENT 'where it stands (operators/release/transitions.py), or forgotten',
  began DateTime64(3, 'UTC') COMMENT 'start of the pane it began with, or began anew' CODEC(Delta, ZSTD(1)),
  declared Nullable(DateTime64(3, 'UTC')) COMMENT 'time of the command that declared it' CODEC(ZSTD(1)),
  by LowCardinality(String) COMMENT 'who declared it',
  traffic_share Nullable(Float64) COMMENT 'the share of traffic that was declared' CODEC(ZSTD(1)),
  metadata String COMMENT 'JSON: what was said of candidate and baseline' CODEC(ZSTD(3)),
  holds Map(LowCardinality(String), LowCardinality(String)) COMMENT 'rule -> how it holds the promotion',
  throttled UInt8 COMMENT '1 = it is to get little traffic',
  policy LowCardinality(String) COMMENT 'hash of the policy',
  ver UInt64 COMMENT 'always 1: the row is a function of its key and the policy' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(at)
ORDER BY (model, version, at)
TTL toDateTime(inserted_at) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per release and pane with which it stands otherwise';

CREATE TABLE IF NOT EXISTS command ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model it names, empty for all of them',
  at DateTime64(3, 'UTC') COMMENT 'its own time; of one that was refused unread, that of the pane' CODEC(Delta, ZSTD(1)),
  obeyed Nullable(DateTime64(3, 'UTC')) COMMENT 'end of the pane it took effect with; NULL for one to all models' CODEC(ZSTD(1)),
  type LowCardinality(String) COMMENT 'release, override, kill, rollback, pin, unpin, ack, silence or unsilence; empty where it was not read',
  by LowCardinality(String) COMMENT 'who gave it',
  id String COMMENT 'as its sender named it; of one that was refused unread: where it stood' CODEC(ZSTD(1)),
  fields String COMMENT 'JSON: what else it says' CODEC(ZSTD(3)),
  accepted UInt8 COMMENT '1 = it was obeyed',
  reason String COMMENT 'why it was refused' CODEC(ZSTD(1)),
  ver UInt64 COMMENT 'always 1: the row is a function of its key and the policy' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(at)
ORDER BY (model, at, id)
TTL toDateTime(inserted_at) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per command';

CREATE TABLE IF NOT EXISTS policy ${ON_CLUSTER} (
  hash LowCardinality(String) COMMENT 'names the policy in other tables',
  at DateTime64(3, 'UTC') COMMENT 'end of the first pane that a shard was judged by it, event time' CODEC(Delta, ZSTD(1)),
  toml String COMMENT 'the policy as it was given' CODEC(ZSTD(3)),
  ver UInt64 COMMENT 'always 1' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
ORDER BY (hash, at)
TTL toDateTime(inserted_at) + INTERVAL 800 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'the policies that were used, each with the panes it began with';

CREATE TABLE IF NOT EXISTS progress ${ON_CLUSTER} (
  shard LowCardinality(String) COMMENT 'one of 64, by the hash of the model',
  at DateTime64(3, 'UTC') COMMENT 'end of a closed pane, event time: all before it is counted' CODEC(Delta, ZSTD(1)),
  requests UInt64 COMMENT 'that came in on time under the pane' CODEC(T64, ZSTD(1)),
  late UInt64 COMMENT 'requests that came too late for their own pane' CODEC(T64, ZSTD(1)),
  ver UInt64 COMMENT 'always 1: the row is a function of its key' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row; less at it is the lag' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMMDD(at)
ORDER BY (shard, at)
TTL toDateTime(inserted_at) + INTERVAL 7 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per shard and closed pane in which something came in';

CREATE TABLE IF NOT EXISTS outcome_window ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  slice LowCardinality(String) COMMENT '* for all traffic, or one dimension and its value',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  kind LowCardinality(String) COMMENT 'tumbling',
  size_ms UInt64 COMMENT 'length of the window' CODEC(T64, ZSTD(1)),
  window_start DateTime64(3, 'UTC') COMMENT 'event time' CODEC(Delta, ZSTD(1)),
  window_end DateTime64(3, 'UTC') COMMENT 'exclusive' CODEC(Delta, ZSTD(1)),
  requests UInt64 COMMENT 'all, failed or not' CODEC(T64, ZSTD(1)),
  error_types Array(LowCardinality(String)) COMMENT 'how requests failed' CODEC(ZSTD(1)),
  errors Array(UInt32) COMMENT 'how many did, of each type' CODEC(ZSTD(1)),
  ver UInt64 COMMENT 'requests folded into the row; the largest replaces the others' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(window_start)
ORDER BY (model, kind, size_ms, version, slice, window_start, window_end)
TTL toDateTime(inserted_at) + INTERVAL 90 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per series and tumbling window; of slices those of one dimension';

CREATE VIEW IF NOT EXISTS evidence_latest ${ON_CLUSTER} AS SELECT * FROM evidence FINAL;

CREATE VIEW IF NOT EXISTS release_latest ${ON_CLUSTER} AS SELECT * FROM release FINAL;

CREATE VIEW IF NOT EXISTS command_latest ${ON_CLUSTER} AS SELECT * FROM command FINAL;

CREATE VIEW IF NOT EXISTS policy_latest ${ON_CLUSTER} AS SELECT * FROM policy FINAL;

CREATE VIEW IF NOT EXISTS progress_latest ${ON_CLUSTER} AS SELECT * FROM progress FINAL;

CREATE VIEW IF NOT EXISTS outcome_window_latest ${ON_CLUSTER} AS SELECT * FROM outcome_window FINAL;
