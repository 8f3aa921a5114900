-- Of a judge: how the request was drawn, whether the judge was believed then, and why it gave the score.
ALTER TABLE feedback ${ON_CLUSTER}
  ADD COLUMN IF NOT EXISTS sample LowCardinality(String) COMMENT 'why a judge was asked: share, floor (of a slice alone), report (of a user)' AFTER unit,
  ADD COLUMN IF NOT EXISTS standing LowCardinality(String) COMMENT 'why the judge was not to be believed: new, disagrees; empty: it was' AFTER sample,
  ADD COLUMN IF NOT EXISTS reason String COMMENT 'why it gave the score, in its words' CODEC(ZSTD(3)) AFTER standing;

-- A view keeps the columns that its SELECT * had when it was made.
CREATE OR REPLACE VIEW feedback_latest ${ON_CLUSTER} AS SELECT * FROM feedback FINAL;
