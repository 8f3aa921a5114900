-- Triage: cases, what people did with them, and the eval cases that they became. `rollguard triage` writes it.

-- A case is a function of what is stored of its request and its signals; when more is known it is written again.
CREATE TABLE IF NOT EXISTS triage_case ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  request_id String COMMENT 'the request that the case is about' CODEC(ZSTD(1)),
  ts DateTime64(3, 'UTC') COMMENT 'when it was made, as far as anybody says' CODEC(Delta, ZSTD(1)),
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value, all that the event names',
  user_id String COMMENT 'as the request log has it' CODEC(ZSTD(1)),
  trace_id String COMMENT 'empty where nobody said' CODEC(ZSTD(1)),
  prompt_version LowCardinality(String) COMMENT 'of the prompt',
  prediction String COMMENT 'class or value, as a text' CODEC(ZSTD(1)),
  input String COMMENT 'as the request log has it: redacted, unless the policy says otherwise' CODEC(ZSTD(3)),
  output String COMMENT 'as the request log has it' CODEC(ZSTD(3)),
  id String COMMENT 'uuid5 of model and request_id' CODEC(ZSTD(1)),
  slice LowCardinality(String) COMMENT 'canonical text of the dimensions of the policy',
  first_signal DateTime64(3, 'UTC') COMMENT 'when the first signal was given' CODEC(Delta, ZSTD(1)),
  last_signal DateTime64(3, 'UTC') COMMENT 'when the last one was' CODEC(Delta, ZSTD(1)),
  reasons Array(String) COMMENT 'kind and name of its signals' CODEC(ZSTD(1)),
  signals String COMMENT 'JSON: the first signals, and the last, each with at, kind, name, source, value' CODEC(ZSTD(3)),
  reason String COMMENT 'kind and name of the worst signal' CODEC(ZSTD(1)),
  severity Float64 COMMENT 'of the worst signal, by the policy' CODEC(ZSTD(1)),
  unsafe UInt8 COMMENT '1: a signal says that the answer was unsafe' CODEC(T64, ZSTD(1)),
  cluster String COMMENT 'id of the case that leads its near duplicates' CODEC(ZSTD(1)),
  ver UInt64 COMMENT 'how often it was written: the largest replaces the others' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
ORDER BY (model, id)
TTL toDateTime(inserted_at) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per request that somebody or something complained about';

CREATE VIEW IF NOT EXISTS triage_case_latest ${ON_CLUSTER} AS SELECT * FROM triage_case FINAL;

-- What people did, and nothing else: what a case is now follows from it. Rows are only ever added.
CREATE TABLE IF NOT EXISTS triage_action ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model of the case',
  at DateTime64(3, 'UTC') COMMENT 'when it was done' CODEC(Delta, ZSTD(1)),
  id String COMMENT 'uuid5 of all that the row says' CODEC(ZSTD(1)),
  case_id String COMMENT 'the case' CODEC(ZSTD(1)),
  type LowCardinality(String) COMMENT 'claim, label, dismiss, reopen or convert',
  by LowCardinality(String) COMMENT 'who did it',
  root_cause LowCardinality(String) COMMENT 'of label',
  note String COMMENT 'in words' CODEC(ZSTD(1)),
  eval_case String COMMENT 'of convert: the eval case that it became' CODEC(ZSTD(1)),
  ver UInt64 COMMENT 'always 1: the row is a function of its key' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(at)
ORDER BY (model, at, id)
TTL toDateTime(inserted_at) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per thing that a person did with a case';

CREATE VIEW IF NOT EXISTS triage_action_latest ${ON_CLUSTER} AS SELECT * FROM triage_action FINAL;

-- Tests are kept for ten years: what they are for is that a failure never comes back.
CREATE TABLE IF NOT EXISTS eval_case ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that is tested',
  id String COMMENT 'uuid5 of model, input and checks: another text is another case' CODEC(ZSTD(1)),
  input String COMMENT 'what is asked' CODEC(ZSTD(3)),
  checks String COMMENT 'JSON: what must hold of the answer, each with kind and value' CODEC(ZSTD(3)),
  root_cause LowCardinality(String) COMMENT 'why it failed',
  note String COMMENT 'in words' CODEC(ZSTD(1)),
  triage_case String COMMENT 'the case that it was' CODEC(ZSTD(1)),
  request_id String COMMENT 'of that' CODEC(ZSTD(1)),
  user_id String COMMENT 'of that' CODEC(ZSTD(1)),
  version LowCardinality(String) COMMENT 'the version that failed',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value of the request',
  at DateTime64(3, 'UTC') COMMENT 'when it was converted' CODEC(Delta, ZSTD(1)),
  by LowCardinality(String) COMMENT 'who converted it',
  ver UInt64 COMMENT 'the larger, the earlier: the first conversion stays' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
ORDER BY (model, id)
TTL toDateTime(inserted_at) + INTERVAL 3650 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per test';

CREATE VIEW IF NOT EXISTS eval_case_latest ${ON_CLUSTER} AS SELECT * FROM eval_case FINAL;

-- A version of a model's eval set never changes: its hash is of the ids of its cases, and those are of their contents.
CREATE TABLE IF NOT EXISTS eval_set ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that is tested',
  number UInt64 COMMENT 'from 1 on' CODEC(T64, ZSTD(1)),
  hash String COMMENT 'of the ids of its cases' CODEC(ZSTD(1)),
  cases Array(String) COMMENT 'ids of eval_case, sorted' CODEC(ZSTD(1)),
  at DateTime64(3, 'UTC') COMMENT 'when it was made' CODEC(Delta, ZSTD(1)),
  by LowCardinality(String) COMMENT 'who made it',
  ver UInt64 COMMENT 'the larger, the earlier: the first stays' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
ORDER BY (model, number, hash)
TTL toDateTime(inserted_at) + INTERVAL 3650 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per version of an eval set';

CREATE VIEW IF NOT EXISTS eval_set_latest ${ON_CLUSTER} AS SELECT * FROM eval_set FINAL;

CREATE TABLE IF NOT EXISTS eval_result ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was tested',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  run String COMMENT 'uuid5 of what was asked for, and when' CODEC(ZSTD(1)),
  at DateTime64(3, 'UTC') COMMENT 'when the run began' CODEC(Delta, ZSTD(1)),
  number UInt64 COMMENT 'of the set' CODEC(T64, ZSTD(1)),
  hash String COMMENT 'of the set' CODEC(ZSTD(1)),
  id String COMMENT 'the eval case' CODEC(ZSTD(1)),
  attempt UInt32 COMMENT 'from 1 on: what fails is asked again' CODEC(T64, ZSTD(1)),
  passed Nullable(UInt8) COMMENT 'NULL where there was no answer' CODEC(ZSTD(1)),
  failed Array(String) COMMENT 'the checks that did not hold; or why there was no answer' CODEC(ZSTD(1)),
  output String COMMENT 'the answer, redacted unless the policy says otherwise' CODEC(ZSTD(3)),
  latency_ms Float64 COMMENT 'until it was there' CODEC(ZSTD(1)),
  ver UInt64 COMMENT 'always 1' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(at)
ORDER BY (model, at, run, version, id, attempt)
TTL toDateTime(inserted_at) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per answer of a version to an eval case';

CREATE VIEW IF NOT EXISTS eval_result_latest ${ON_CLUSTER} AS SELECT * FROM eval_result FINAL;

-- What became of each case. A case whose first signal came after one of its cluster had been converted has come back.
CREATE VIEW IF NOT EXISTS triage_board ${ON_CLUSTER} AS
WITH acted AS (
  SELECT model, case_id,
    argMax(type, (at, id)) AS last_type,
    argMaxIf(by, (at, id), type = 'claim') AS claimed_by,
    argMaxIf(root_cause, (at, id), type = 'label') AS cause,
    argMaxIf(note, (at, id), note != '') AS last_note,
    minIf(at, type = 'label') AS labelled,
    minIf(at, type = 'convert') AS converted,
    argMaxIf(eval_case, (at, id), type = 'convert') AS became,
    countIf(type = 'label') AS labels, countIf(type = 'convert') AS conversions
  FROM triage_action FINAL
  GROUP BY model, case_id
),
ended AS (
  SELECT c.model AS model, c.cluster AS cluster, min(a.converted) AS first_converted, argMin(c.id, a.converted) AS first_case
  FROM triage_case AS c FINAL INNER JOIN acted AS a ON a.model = c.model AND a.case_id = c.id
  WHERE a.conversions > 0
  GROUP BY c.model, c.cluster
)
SELECT
  c.model AS model, c.version AS version, c.id AS id, c.request_id AS request_id, c.ts AS ts, c.slice AS slice,
  c.reason AS reason, c.reasons AS reasons, c.severity AS severity, c.unsafe AS unsafe, c.cluster AS cluster,
  c.first_signal AS first_signal, c.last_signal AS last_signal,
  multiIf(a.last_type = 'claim', if(a.labels > 0, 'labelled', 'claimed'), a.last_type = 'label', 'labelled',
    a.last_type = 'dismiss', 'dismissed', a.last_type = 'convert', 'converted', 'open') AS status,
  a.claimed_by AS owner, a.cause AS root_cause, a.last_note AS note, a.became AS eval_case,
  if(a.labels > 0, a.labelled, NULL) AS labelled_at,
  if(a.conversions > 0, a.converted, NULL) AS converted_at,
  count() OVER (PARTITION BY c.model, c.cluster) AS size,
  if(e.first_case != '' AND a.conversions = 0 AND c.first_signal > e.first_converted, e.first_case, '') AS regressed,
  c.severity * log2(1 + size) * if(regressed = '', 1, 2)
    * exp2(-dateDiff('second', c.last_signal, max(c.last_signal) OVER (PARTITION BY c.model)) / 604800) AS priority
FROM triage_case AS c FINAL
LEFT JOIN acted AS a ON a.model = c.model AND a.case_id = c.id
LEFT JOIN ended AS e ON e.model = c.model AND e.cluster = c.cluster;
