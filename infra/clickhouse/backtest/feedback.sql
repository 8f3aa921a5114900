-- The feedback of some days as it came, complete, in the order of its own times: the order of its topic is not kept.
--
-- A CAST of a text to Variant would read it: the label "007" would be the number 7. Of slices the row has the dimensions of the policy that it was
-- stored under; a new one is that of the request.
SELECT
  f.request_id AS request_id,
  toUnixTimestamp64Milli(f.ts) AS ts,
  toString(f.kind) AS kind,
  multiIf(
    f.value = '', NULL,
    f.value_number IS NULL, f.value,
    f.value IN ('true', 'false'), toBool(f.value = 'true'),
    f.value_number
  ) AS value,
  toString(f.source) AS source,
  toString(f.name) AS name,
  toString(f.unit) AS unit,
  nullIf(toString(f.sample), '') AS sample,
  nullIf(toString(f.standing), '') AS standing,
  f.model AS model,
  f.version AS version,
  toBool((f.model, f.version, f.request_id) IN (SELECT model, version, request_id FROM request WHERE mirrored = 1)) AS mirrored,
  mapUpdate(r.dims, f.dims) AS slices,
  toUnixTimestamp64Milli(f.request_ts) AS request_ts,
  nullIf(f.prediction, '') AS prediction,
  f.score AS score
FROM feedback AS f FINAL
LEFT JOIN (
  SELECT q.model AS model, q.version AS version, q.request_id AS request_id, argMax(q.dims, (q.attempt, q.ts, q.ver)) AS dims
  FROM request AS q
  WHERE (q.model, q.version, q.request_id) IN (
    SELECT model, version, request_id FROM feedback WHERE ts >= {from:DateTime64(3, 'UTC')} AND ts < {to:DateTime64(3, 'UTC')}
  )
  GROUP BY q.model, q.version, q.request_id
) AS r ON r.model = f.model AND r.version = f.version AND r.request_id = f.request_id
WHERE f.ts >= {from:DateTime64(3, 'UTC')} AND f.ts < {to:DateTime64(3, 'UTC')}
ORDER BY f.ts, f.model, f.request_id, f.kind, f.source, f.name
SETTINGS use_variant_as_common_type = 1
