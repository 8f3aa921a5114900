-- Which policies were in force, the newest first?
--
-- hash           which one; '' = all
SELECT p.hash AS hash, min(p.at) AS first, max(p.at) AS last, any(p.toml) AS toml
FROM policy_latest AS p
WHERE {hash:String} = '' OR p.hash = {hash:String}
GROUP BY hash
ORDER BY first DESC
LIMIT 50
