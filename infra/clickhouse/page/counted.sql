-- How far is the counting, up to a moment?
--
-- at             the moment, UTC, event time
--
-- No row before anything was counted. `lag_s` is how long after its end the newest pane was stored.
SELECT
  max(p.at) AS counted,
  argMax(p.inserted_at, p.at) AS stored,
  dateDiff('second', counted, stored) AS lag_s,
  count() AS panes,
  sum(p.requests) AS requests,
  sum(p.late) AS late
FROM progress AS p FINAL
WHERE p.at <= {at:DateTime64(3, 'UTC')}
HAVING panes > 0
