-- T_latest is table T as FINAL sees it: one row per sorting key, the one with the largest version. Read these, not the
-- tables: a table holds superseded rows until its parts are merged. Filters reach the primary key through the view.

CREATE VIEW IF NOT EXISTS sli_pane_latest ${ON_CLUSTER} AS SELECT * FROM sli_pane FINAL;

CREATE VIEW IF NOT EXISTS outcome_pane_latest ${ON_CLUSTER} AS SELECT * FROM outcome_pane FINAL;

CREATE VIEW IF NOT EXISTS measure_pane_latest ${ON_CLUSTER} AS SELECT *, bucket_values FROM measure_pane FINAL;

CREATE VIEW IF NOT EXISTS sli_window_latest ${ON_CLUSTER} AS SELECT * FROM sli_window FINAL;

CREATE VIEW IF NOT EXISTS measure_window_latest ${ON_CLUSTER} AS SELECT * FROM measure_window FINAL;

CREATE VIEW IF NOT EXISTS feedback_latest ${ON_CLUSTER} AS SELECT * FROM feedback FINAL;

CREATE VIEW IF NOT EXISTS dead_letter_latest ${ON_CLUSTER} AS SELECT * FROM dead_letter FINAL;
