-- What was said, the newest first?
--
-- model          of which model; '' = of all
-- version        about which version; '' = about any
-- type           of which type; '' = of any
-- at             up to which moment, UTC, event time
-- count          how many
SELECT
  c.model AS model,
  c.revision AS revision,
  c.at AS at,
  c.type AS type,
  c.state AS state,
  c.version AS version,
  c.pin AS pin,
  c.rule AS rule,
  c.severity AS severity,
  c.reason AS reason,
  JSONExtractString(c.slices, 1, 'slice') AS worst,
  JSONLength(c.slices) + c.slices_more AS slices_n,
  c.runbook AS runbook,
  c.silenced AS silenced,
  c.acked AS acked,
  c.onset AS onset,
  c.applied AS applied,
  c.recovered AS recovered,
  c.sentence AS sentence,
  c.error_types AS error_types,
  c.findings AS findings,
  c.moved AS moved,
  c.id AS id
FROM control AS c
WHERE c.at <= {at:DateTime64(3, 'UTC')}
  AND ({model:String} = '' OR c.model = {model:String})
  AND ({version:String} = '' OR c.version = {version:String})
  AND ({type:String} = '' OR c.type = {type:String})
ORDER BY c.at DESC, c.model, c.revision DESC
LIMIT 1 BY c.model, c.at, c.id
LIMIT {count:UInt32}
