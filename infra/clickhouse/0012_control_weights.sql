-- Which shares of the traffic control events ask for. Rows that were written before have none: then the pin is all.
ALTER TABLE control ${ON_CLUSTER}
  ADD COLUMN IF NOT EXISTS weights String COMMENT 'JSON: version -> share of the traffic; all of it where they add up to 1, else at most so much' CODEC(ZSTD(3)) AFTER lifts;

-- A view keeps the columns that its SELECT * had when it was made.
CREATE OR REPLACE VIEW control_latest ${ON_CLUSTER} AS
SELECT *, time_to_detect_ms, time_to_apply_ms, time_to_recover_ms FROM control FINAL;
