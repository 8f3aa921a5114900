-- Which alerts fire now, and does somebody look after them?
--
-- model          of which model; '' = of all
--
-- Needs no slice dimension. An alert is one rule on one version; it fires until it is resolved. `since` is when it
-- began, `at` when it was reported last, because a slice joined or it became more severe; `worst` is the slice affected
-- most. `id` is what `rollguard control ack` takes. Alerts about refused commands, releases, lifted pins and overrides
-- need no acknowledgement: they are in control_timeline.sql, not here.
SELECT
  told.model AS model,
  told.version AS version,
  told.rule AS rule,
  argMaxIf(told.severity, told.revision, told.acked = 0) AS severity,
  min(told.at) AS since,
  argMaxIf(told.at, told.revision, told.acked = 0) AS at,
  argMaxIf(told.worst, told.revision, told.acked = 0) AS worst,
  max(told.acked) AS acked,
  argMax(told.silenced, told.revision) AS silenced,
  argMax(told.reason, told.revision) AS reason,
  argMax(told.runbook, told.revision) AS runbook,
  argMaxIf(told.id, told.revision, told.acked = 0) AS id
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
  FROM control_latest AS c
  WHERE ({model:String} = '' OR c.model = {model:String})
    AND c.type = 'alert'
    AND NOT (c.rule IN ('release', 'override') OR startsWith(c.rule, 'commands:'))
) AS told
WHERE told.revision > told.closed
GROUP BY model, version, rule
ORDER BY transform(severity, ['page', 'ticket'], [0, 1], 2), since, model, version, rule
