-- What control events say to people, and what belongs together, so that it can be asked for: one incident, its sentences,
-- how requests failed, and what was found before. Rows that were written before have none of it.
ALTER TABLE control ${ON_CLUSTER}
  ADD COLUMN IF NOT EXISTS incident String COMMENT 'one id for all that is said of what begins and ends' CODEC(ZSTD(1)) AFTER recovered,
  ADD COLUMN IF NOT EXISTS update UInt8 COMMENT '1 = tells more of an incident that people know of; wakes nobody' AFTER incident,
  ADD COLUMN IF NOT EXISTS closes UInt8 COMMENT '1 = the last of its incident' AFTER update,
  ADD COLUMN IF NOT EXISTS sentence String COMMENT 'all of it in words' CODEC(ZSTD(3)) AFTER closes,
  ADD COLUMN IF NOT EXISTS error_types String COMMENT 'JSON: how requests of the version failed lately, the most frequent first' CODEC(ZSTD(3)) AFTER sentence,
  ADD COLUMN IF NOT EXISTS requests Array(String) COMMENT 'ids of a few bad requests' CODEC(ZSTD(1)) AFTER error_types,
  ADD COLUMN IF NOT EXISTS findings String COMMENT 'JSON: what monitors found on the candidate alone since the release, the earliest first' CODEC(ZSTD(3)) AFTER requests,
  ADD COLUMN IF NOT EXISTS moved Array(String) COMMENT 'what else is not as it was, in words' CODEC(ZSTD(3)) AFTER findings;

-- A view keeps the columns that its SELECT * had when it was made.
CREATE OR REPLACE VIEW control_latest ${ON_CLUSTER} AS
SELECT *, time_to_detect_ms, time_to_apply_ms, time_to_recover_ms FROM control FINAL;
