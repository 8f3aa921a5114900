-- What became of a command?
--
-- id             of which command
SELECT c.model AS model, c.at AS at, c.obeyed AS obeyed, c.type AS type, c.by AS by, c.id AS id, c.fields AS fields,
  c.accepted AS accepted, c.reason AS reason
FROM command_latest AS c
WHERE c.id = {id:String}
ORDER BY c.at DESC
LIMIT 1
