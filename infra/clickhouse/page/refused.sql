-- What was refused, by source and reason?
SELECT d.source AS source, d.reason AS reason, count() AS n, max(d.position) AS last, any(d.detail) AS example
FROM dead_letter_latest AS d
GROUP BY source, reason
ORDER BY n DESC, source, reason
LIMIT 100
