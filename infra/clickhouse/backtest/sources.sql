-- Where the requests of some days stood: a partition or file each.
SELECT r.source
FROM request AS r
WHERE r.ts >= {from:DateTime64(3, 'UTC')} AND r.ts < {to:DateTime64(3, 'UTC')}
GROUP BY r.source
ORDER BY r.source
