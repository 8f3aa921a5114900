-- Which alerts fired at a moment, since when, and did somebody look after them?
--
-- model          of which model; '' = of all
-- at             the moment, UTC, event time
--
-- Like alerts_open.sql, which is about now. The worst and oldest first.
SELECT
  told.model AS model,
  told.version AS version,
  told.rule AS rule,
  argMaxIf(told.severity, told.revision, told.acked = 0) AS severity,
  min(told.at) AS since,
  argMaxIf(told.at, told.revision, told.acked = 0) AS told_at,
  argMaxIf(told.worst, told.revision, told.acked = 0) AS worst,
  max(told.acked) AS is_acked,
  argMax(told.silenced, told.revision) AS is_silenced,
  argMaxIf(told.reason, told.revision, told.acked = 1) AS acked_by,
  argMaxIf(told.reason, told.revision, told.acked = 0) AS why,
  argMax(told.runbook, told.revision) AS runbook_at,
  argMaxIf(told.id, told.revision, told.acked = 0) AS event
FROM (
  SELECT
    c.model AS model,
    c.version AS version,
    c.rule AS rule,
    c.severity AS severity,
    c.revision AS revision,
    c.at AS at,
    c.acked AS acked,
    c.silenced AS silenced,
    c.reason AS reason,
    c.runbook AS runbook,
    c.id AS id,
    JSONExtractString(c.slices, 1, 'slice') AS worst,
    maxIf(c.revision, c.state = 'resolved') OVER (PARTITION BY c.model, c.version, c.rule) AS closed
  FROM control AS c
  WHERE ({model:String} = '' OR c.model = {model:String})
    AND c.at <= {at:DateTime64(3, 'UTC')}
    AND c.type = 'alert'
    AND NOT (c.rule IN ('release', 'override') OR startsWith(c.rule, 'commands:'))
) AS told
WHERE told.revision > told.closed
GROUP BY model, version, rule
ORDER BY transform(severity, ['page', 'ticket'], [0, 1], 2), since, model, version, rule
LIMIT 500
