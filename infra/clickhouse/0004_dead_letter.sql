-- Input that could not be used, with the reason. The position in the log is the whole identity and the row is a
-- function of it, so any copy will do: no version. No time is part of the key, hence no partitions.
CREATE TABLE IF NOT EXISTS dead_letter ${ON_CLUSTER} (
  source LowCardinality(String) COMMENT 'topic and partition, or file',
  position UInt64 COMMENT 'offset in the source' CODEC(Delta, ZSTD(1)),
  item UInt32 COMMENT 'index within a message of many objects' CODEC(T64, ZSTD(1)),
  reason LowCardinality(String) COMMENT 'short and of few kinds: what to count by',
  detail String COMMENT 'what exactly was wrong' CODEC(ZSTD(1)),
  bytes UInt64 COMMENT 'length of the input before it was cut' CODEC(T64, ZSTD(1)),
  encoding LowCardinality(String) COMMENT 'how value holds the bytes',
  value String COMMENT 'the input, perhaps cut' CODEC(ZSTD(3)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1))
) ENGINE = ${REPLACING}
ORDER BY (source, position, item)
TTL toDateTime(inserted_at) + INTERVAL 35 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'one row per item that could not be used';
