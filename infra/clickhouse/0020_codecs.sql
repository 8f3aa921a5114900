-- Bytes that say nothing: what is within 1 % anyway, or only looked at, takes four bytes and not eight. Of a day of 3,600
-- series that is a third of the windows. What is exact, or compared with a bound (ratio, max, sums), stays as it is.
ALTER TABLE measure_window ${ON_CLUSTER}
  MODIFY COLUMN mean Float32 COMMENT 'of the exact sum, to seven digits' CODEC(ZSTD(3)),
  MODIFY COLUMN p50 Float32 COMMENT 'of the merged buckets, within 1 %' CODEC(ZSTD(3)),
  MODIFY COLUMN p90 Float32 COMMENT 'of the merged buckets, within 1 %' CODEC(ZSTD(3)),
  MODIFY COLUMN p95 Float32 COMMENT 'of the merged buckets, within 1 %' CODEC(ZSTD(3)),
  MODIFY COLUMN p99 Float32 COMMENT 'of the merged buckets, within 1 %' CODEC(ZSTD(3)),
  MODIFY COLUMN max CODEC(ZSTD(3));

ALTER TABLE sli_window ${ON_CLUSTER}
  MODIFY COLUMN ratio CODEC(ZSTD(3)),
  MODIFY COLUMN lower Float32 COMMENT 'lower end of the interval of the ratio' CODEC(ZSTD(3)),
  MODIFY COLUMN upper Float32 COMMENT 'upper end of the interval of the ratio' CODEC(ZSTD(3));

ALTER TABLE measure_pane ${ON_CLUSTER}
  MODIFY COLUMN min CODEC(ZSTD(3)),
  MODIFY COLUMN max CODEC(ZSTD(3)),
  MODIFY COLUMN buckets CODEC(Delta, ZSTD(3));

-- A view keeps the types that its columns had when it was made.
CREATE OR REPLACE VIEW sli_window_latest ${ON_CLUSTER} AS SELECT * FROM sli_window FINAL;

CREATE OR REPLACE VIEW measure_window_latest ${ON_CLUSTER} AS SELECT * FROM measure_window FINAL;
