-- Which version of a model answers its users?
--
-- model    of which model
-- besides  a version that is not meant
--
-- The one that traffic was last sent to by a promotion, a rollback or a pin; without any, the one with the most requests
-- of the last day that is stored. No row where nobody knows.
SELECT version FROM (
  SELECT argMax(pin, revision) AS version, 0 AS place
  FROM control_latest
  WHERE model = {model:String} AND ifNull(pin, '') != ''
  HAVING count() > 0
  UNION ALL
  SELECT argMax(version, requests) AS version, 1 AS place
  FROM (
    SELECT p.version AS version, sum(p.n) AS requests
    FROM outcome_pane_latest AS p
    WHERE p.model = {model:String} AND p.version NOT LIKE '\\_\\_%'
      AND p.pane_start > (SELECT max(pane_start) FROM outcome_pane WHERE model = {model:String}) - INTERVAL 1 DAY
    GROUP BY p.version
  )
  HAVING count() > 0
)
WHERE version != {besides:String}
ORDER BY place
LIMIT 1
