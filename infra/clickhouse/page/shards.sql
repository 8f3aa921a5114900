-- How far is each shard?
--
-- at             up to which moment, UTC, event time
SELECT p.shard AS shard, max(p.at) AS counted, argMax(p.inserted_at, p.at) AS stored,
  dateDiff('second', counted, stored) AS lag_s, sum(p.requests) AS requests, sum(p.late) AS late
FROM progress AS p FINAL
WHERE p.at <= {at:DateTime64(3, 'UTC')}
GROUP BY shard
ORDER BY shard
