-- Judgements that came after the answer, with the context of the request they speak of.
CREATE TABLE IF NOT EXISTS feedback ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  slice LowCardinality(String) COMMENT 'canonical text of dims',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  request_id String COMMENT 'the request it speaks of' CODEC(ZSTD(1)),
  ts DateTime64(3, 'UTC') COMMENT 'when the feedback was given' CODEC(Delta, ZSTD(1)),
  kind LowCardinality(String) COMMENT 'label, judge, thumbs, edit, abandon, safety, report',
  source LowCardinality(String) COMMENT 'judge model or rater',
  value String COMMENT 'as it was sent' CODEC(ZSTD(1)),
  value_number Nullable(Float64) COMMENT 'NULL where the value is no number' CODEC(ZSTD(1)),
  request_ts Nullable(DateTime64(3, 'UTC')) COMMENT 'when the request was made; NULL where nobody knows' CODEC(ZSTD(1)),
  prediction String COMMENT 'what the model had said' CODEC(ZSTD(1)),
  score Nullable(Float64) COMMENT 'the confidence of the model' CODEC(ZSTD(1)),
  ver UInt64 COMMENT 'the largest replaces the others' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(ts)
PRIMARY KEY (model, kind, ts)
ORDER BY (model, kind, ts, version, slice, request_id, source)
TTL toDateTime(inserted_at) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per request, kind of feedback, source and time';
