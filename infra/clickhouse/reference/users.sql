-- Ordered pairs of logged requests that are of one user within an hour; how many name a user or a session; and all.
SELECT
  sum(if(u.who = '', 0, u.k * (u.k - 1))),
  sumIf(u.k, u.who != ''),
  sum(u.k)
FROM (
  SELECT
    multiIf(r.user_id != '', concat('u', r.user_id), r.session_id != '', concat('s', r.session_id), '') AS who,
    count() AS k
  FROM request_latest AS r
  WHERE (empty({models:Array(String)}) OR has({models:Array(String)}, r.model))
    AND (empty({versions:Array(String)}) OR has({versions:Array(String)}, r.version))
    AND r.ts >= {from:DateTime64(3, 'UTC')}
    AND r.ts < {to:DateTime64(3, 'UTC')}
  GROUP BY who, toStartOfHour(r.ts)
) AS u
