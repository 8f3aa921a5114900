-- The request log: a row for every event, with all that was told of it. `rollguard archive` writes it; texts and ids are
-- as the policy's [archive] has them. Two copies of one event are one row, that of the first place where it stood.
CREATE TABLE IF NOT EXISTS request ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  request_id String COMMENT 'as the producer named it; joins feedback' CODEC(ZSTD(1)),
  ts DateTime64(3, 'UTC') COMMENT 'event time' CODEC(Delta, ZSTD(1)),
  attempt UInt64 COMMENT 'which attempt of a retry it was, 0 where nobody said' CODEC(T64, ZSTD(1)),
  mirrored UInt8 COMMENT '1: a copy of a request, that no user waits for the answer of' CODEC(T64, ZSTD(1)),
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value, all that the event names',
  trace_id String COMMENT 'empty where nobody said' CODEC(ZSTD(1)),
  session_id String COMMENT 'keyed hash, or as it came' CODEC(ZSTD(1)),
  user_id String COMMENT 'keyed hash, or as it came' CODEC(ZSTD(1)),
  team LowCardinality(String) COMMENT 'who pays',
  endpoint LowCardinality(String) COMMENT 'what was called',
  prompt_version LowCardinality(String) COMMENT 'of the prompt',
  error_type LowCardinality(String) COMMENT 'empty is a success',
  finish_reason LowCardinality(String) COMMENT 'stop, length, tool_calls, content_filter, ...',
  latency_ms Nullable(Float64) COMMENT 'total' CODEC(ZSTD(1)),
  ttft_ms Nullable(Float64) COMMENT 'to the first token or chunk' CODEC(ZSTD(1)),
  input_tokens Nullable(UInt64) COMMENT 'NULL where nobody said' CODEC(ZSTD(1)),
  output_tokens Nullable(UInt64) COMMENT 'NULL where nobody said' CODEC(ZSTD(1)),
  cost_usd Nullable(Float64) COMMENT 'NULL where nobody said' CODEC(ZSTD(1)),
  prediction String COMMENT 'class or value, as a text; a long one is treated as a text' CODEC(ZSTD(1)),
  score Nullable(Float64) COMMENT 'confidence of the model itself' CODEC(ZSTD(1)),
  metrics Map(LowCardinality(String), Float64) COMMENT 'further measures',
  flags Array(LowCardinality(String)) COMMENT 'refused, toxic, truncated, ...' CODEC(ZSTD(1)),
  retrieval_id Array(String) COMMENT 'documents that were given to the model, in order' CODEC(ZSTD(1)),
  retrieval_score Array(Nullable(Float64)) COMMENT 'of each, in the search' CODEC(ZSTD(1)),
  retrieval_source Array(LowCardinality(String)) COMMENT 'of each: index, collection, ...' CODEC(ZSTD(1)),
  retrieval_version Array(LowCardinality(String)) COMMENT 'of each, or of its source' CODEC(ZSTD(1)),
  tool_name Array(LowCardinality(String)) COMMENT 'tools that were called, in order' CODEC(ZSTD(1)),
  tool_ok Array(Nullable(UInt8)) COMMENT 'of each: 1 where it went well' CODEC(ZSTD(1)),
  tool_latency_ms Array(Nullable(Float64)) COMMENT 'of each' CODEC(ZSTD(1)),
  input String COMMENT 'text or JSON, for a week' CODEC(ZSTD(3)) TTL toDateTime(inserted_at) + INTERVAL 7 DAY,
  output String COMMENT 'text or JSON, for a week' CODEC(ZSTD(3)) TTL toDateTime(inserted_at) + INTERVAL 7 DAY,
  input_bytes UInt64 COMMENT 'size of the input as it came, as JSON; 0 where there was none' CODEC(T64, ZSTD(1)),
  output_bytes UInt64 COMMENT 'size of the output as it came' CODEC(T64, ZSTD(1)),
  redacted UInt64 COMMENT 'how many parts of the texts were replaced by marks' CODEC(T64, ZSTD(1)),
  source LowCardinality(String) COMMENT 'where it stood: TOPIC/PARTITION, or a file',
  position UInt64 COMMENT 'offset of its message, or number of its line' CODEC(Delta, ZSTD(1)),
  item UInt32 COMMENT 'which item of the message, from 0' CODEC(T64, ZSTD(1)),
  ver UInt64 COMMENT 'the larger, the earlier in its log: the first copy replaces later ones' CODEC(ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1)),
  INDEX by_request_id request_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_session_id session_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_user_id user_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMMDD(ts)
PRIMARY KEY (model, ts, request_id)
ORDER BY (model, ts, request_id, version, attempt)
TTL toDateTime(inserted_at) + INTERVAL 30 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per event';

CREATE VIEW IF NOT EXISTS request_latest ${ON_CLUSTER} AS SELECT * FROM request FINAL;
