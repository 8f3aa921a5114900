-- What control events say that the table did not have: which versions are withdrawn, whether a pin has ended, and how
-- much was left out. Of rows that were written before, `lifts` is NULL, and nobody knows of the others.
ALTER TABLE control ${ON_CLUSTER}
  ADD COLUMN IF NOT EXISTS barred Array(LowCardinality(String)) COMMENT 'versions of the model that must get no traffic, whatever is pinned' AFTER pin,
  ADD COLUMN IF NOT EXISTS lifts Nullable(UInt8) COMMENT '1 = version may serve again, and a pin that the event does not name has ended' AFTER barred,
  ADD COLUMN IF NOT EXISTS slices_more UInt64 COMMENT 'affected slices that did not fit into the event' CODEC(T64, ZSTD(1)) AFTER slices,
  ADD COLUMN IF NOT EXISTS diff_more UInt64 COMMENT 'differences of the metadata that did not fit into the event' CODEC(T64, ZSTD(1)) AFTER diff;

-- A view keeps the columns that its SELECT * had when it was made.
CREATE OR REPLACE VIEW control_latest ${ON_CLUSTER} AS
SELECT *, time_to_detect_ms, time_to_apply_ms, time_to_recover_ms FROM control FINAL;
