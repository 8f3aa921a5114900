-- One source may judge one request by several criteria at the same moment: each is a row, told apart by its name. Rows
-- that were written before have no name; where they had one, the last criterion that came has replaced the others.
--
-- A sorting key can be extended only by a column that is added with it, and without a default.
ALTER TABLE feedback ${ON_CLUSTER}
  ADD COLUMN IF NOT EXISTS name LowCardinality(String) COMMENT 'the criterion, where one source judges by several' AFTER source,
  MODIFY ORDER BY (model, kind, ts, version, slice, request_id, source, name);

ALTER TABLE feedback ${ON_CLUSTER} MODIFY COMMENT 'one row per request, kind of feedback, source, criterion and time';

-- A view keeps the columns that its SELECT * had when it was made.
CREATE OR REPLACE VIEW feedback_latest ${ON_CLUSTER} AS SELECT * FROM feedback FINAL;
