-- A worker goes on under a policy with another SLI: its first windows hold panes from before there was such an SLI.
ALTER TABLE sli_window ${ON_CLUSTER}
  ADD COLUMN IF NOT EXISTS coverage Float32 DEFAULT 1 COMMENT 'the share of the window in which the SLI was counted' CODEC(ZSTD(1)) AFTER upper;

-- A view keeps the columns that its SELECT * had when it was made.
CREATE OR REPLACE VIEW sli_window_latest ${ON_CLUSTER} AS SELECT * FROM sli_window FINAL;
