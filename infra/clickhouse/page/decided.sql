-- What was decided last of some releases, as of a moment?
--
-- models         of which models
-- versions       about which versions, of any of these models
-- at             up to which moment, UTC, event time
--
-- The newest event of each model, version and type that takes traffic away or holds a promotion. A row that was stored
-- twice counts once.
SELECT
  c.model AS model,
  c.version AS version,
  c.type AS type,
  c.at AS at,
  c.revision AS revision,
  c.pin AS pin,
  c.rule AS rule,
  c.reason AS reason,
  c.slices AS slices,
  c.slices_more AS slices_more,
  c.evidence AS evidence,
  c.onset AS onset,
  c.findings AS findings,
  c.runbook AS runbook,
  c.id AS id
FROM control AS c
WHERE c.model IN {models:Array(String)}
  AND c.version IN {versions:Array(String)}
  AND c.type IN ('rollback', 'kill', 'rollback_ineffective', 'hold')
  AND c.state = 'firing'
  AND c.at <= {at:DateTime64(3, 'UTC')}
ORDER BY c.model, c.version, c.type, c.revision DESC
LIMIT 1 BY c.model, c.version, c.type
