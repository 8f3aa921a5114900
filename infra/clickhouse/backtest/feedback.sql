-- The feedback of some days as it came, complete, in the order of its own times: the order of its topic is not kept.
SELECT
  f.request_id AS request_id,
  toUnixTimestamp64Milli(f.ts) AS ts,
  toString(f.kind) AS kind,
  multiIf(
    f.value = '', NULL,
    f.value_number IS NULL, CAST(f.value, 'Variant(Bool, Float64, String)'),
    f.value IN ('true', 'false'), CAST(toBool(f.value = 'true'), 'Variant(Bool, Float64, String)'),
    CAST(f.value_number, 'Variant(Bool, Float64, String)')
  ) AS value,
  toString(f.source) AS source,
  toString(f.name) AS name,
  toString(f.unit) AS unit,
  f.model AS model,
  f.version AS version,
  f.dims AS slices,
  toUnixTimestamp64Milli(f.request_ts) AS request_ts,
  nullIf(f.prediction, '') AS prediction,
  f.score AS score
FROM feedback AS f FINAL
WHERE f.ts >= {from:DateTime64(3, 'UTC')} AND f.ts < {to:DateTime64(3, 'UTC')}
ORDER BY f.ts, f.model, f.request_id, f.kind, f.source, f.name
