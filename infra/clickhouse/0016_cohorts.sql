-- Requests by when they were made, and on how many of them feedback came that makes them bad (SLIs of kind
-- feedback_absent). A pane that closes adds rows: for its own requests, and for feedback that came on those of panes
-- before. A cohort is the sum of its rows, so it is revised whenever feedback comes, and changes no more once mature.
CREATE TABLE IF NOT EXISTS sli_cohort ${ON_CLUSTER} (
  model LowCardinality(String) COMMENT 'the model that was asked',
  version LowCardinality(String) COMMENT 'the version of it that answered',
  slice LowCardinality(String) COMMENT 'canonical text of dims, the finest grain: every dimension of the policy',
  dims Map(LowCardinality(String), LowCardinality(String)) COMMENT 'slice dimension -> value',
  pane_start DateTime64(3, 'UTC') COMMENT 'when the requests were made' CODEC(Delta, ZSTD(1)),
  pane_ms UInt32 COMMENT 'length of the pane' CODEC(T64, ZSTD(1)),
  late UInt8 COMMENT '1 = came after the pane had closed' CODEC(T64, ZSTD(1)),
  arrival DateTime64(3, 'UTC') COMMENT 'start of the pane that was open when it came' CODEC(Delta, ZSTD(1)),
  came DateTime64(3, 'UTC') COMMENT 'start of its own pane' CODEC(Delta, ZSTD(1)),
  sli LowCardinality(String) COMMENT 'name of the SLI in the policy',
  within_ms UInt64 COMMENT 'how long after a request feedback counts' CODEC(T64, ZSTD(1)),
  requests UInt64 COMMENT 'requests made' CODEC(T64, ZSTD(1)),
  bad UInt64 COMMENT 'feedback that makes them bad' CODEC(T64, ZSTD(1)),
  ver UInt64 COMMENT 'items folded into the row; the largest replaces the others' CODEC(T64, ZSTD(1)),
  inserted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when the server took the row' CODEC(Delta, ZSTD(1)),
  INDEX inserted inserted_at TYPE minmax GRANULARITY 4
) ENGINE = ${REPLACING}(ver)
PARTITION BY toYYYYMM(pane_start)
PRIMARY KEY (model, sli, toStartOfHour(pane_start))
ORDER BY (model, sli, toStartOfHour(pane_start), version, slice, pane_start, pane_ms, within_ms, late, arrival, came)
TTL toDateTime(inserted_at) + INTERVAL 35 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000,
  min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1
COMMENT 'one row per finest series, SLI, pane of requests and pane in which it came';

CREATE VIEW IF NOT EXISTS sli_cohort_latest ${ON_CLUSTER} AS SELECT * FROM sli_cohort FINAL;

-- Of each cohort what is known, and whether that is all: mature once the model's panes have closed beyond the time in
-- which feedback counts.
CREATE VIEW IF NOT EXISTS sli_by_cohort ${ON_CLUSTER} AS
SELECT
  c.model AS model, c.version AS version, c.slice AS slice, c.dims AS dims, c.sli AS sli,
  c.pane_start AS pane_start, c.pane_ms AS pane_ms, c.within_ms AS within_ms,
  c.asked AS requests,
  c.heard AS bad,
  if(c.asked > c.heard, c.asked - c.heard, 0) AS good,
  toUInt8(c.pane_start + toIntervalMillisecond(c.pane_ms + c.within_ms) <= r.reached) AS mature
FROM (
  SELECT model, version, slice, any(dims) AS dims, sli, pane_start, pane_ms, within_ms,
    sum(requests) AS asked, sum(bad) AS heard
  FROM sli_cohort FINAL
  GROUP BY model, version, slice, sli, pane_start, pane_ms, within_ms
) AS c
INNER JOIN (
  SELECT model, max(arrival + toIntervalMillisecond(pane_ms)) AS reached FROM sli_cohort WHERE late = 0 GROUP BY model
) AS r ON r.model = c.model;
