-- The commands of some days that were obeyed.
SELECT
  c.id AS id,
  toUnixTimestamp64Milli(c.at) AS ts,
  toString(c.type) AS type,
  toString(c.by) AS by,
  c.model AS model,
  c.fields AS fields
FROM command AS c FINAL
WHERE c.accepted = 1 AND c.at >= {from:DateTime64(3, 'UTC')} AND c.at < {to:DateTime64(3, 'UTC')}
ORDER BY c.at, c.model, c.id
