-- What was said about a model, in order?
--
-- model          of which model
-- from, to       the range: said in [from, to), UTC, event time
--
-- Needs no slice dimension. `worst` is the slice that is affected most, of `slices_n` in all. The larger `revision`
-- counts: its `pin` is where traffic must go, empty if anywhere, `barred` are the versions that must get none, and
-- `weights` the shares of others. `sentence` says it all in words, `incident` is the same for events that belong
-- together. `id` is what `rollguard control ack` takes.
SELECT
  at,
  revision,
  type,
  state,
  version,
  pin,
  barred,
  weights,
  rule,
  severity,
  JSONExtractString(slices, 1, 'slice') AS worst,
  JSONLength(slices) + slices_more AS slices_n,
  sentence,
  reason,
  silenced,
  acked,
  incident,
  id
FROM control_latest AS c
WHERE c.model = {model:String}
  AND c.at >= {from:DateTime64(3, 'UTC')}
  AND c.at < {to:DateTime64(3, 'UTC')}
ORDER BY revision
