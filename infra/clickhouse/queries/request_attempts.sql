-- How available is each version, per attempt and per request?
--
-- model          of which model; '' = of all
-- from, to       the range: requests made in [from, to), UTC
--
-- Needs the request log (`rollguard archive`), and producers that say in `attempt` which try it was. A request
-- succeeded if one of its attempts did, whichever version answered it; here it counts for the version of its last one.
-- The difference of the two is what retries hide from users.
SELECT
  model,
  version,
  sum(tries) AS attempts,
  sum(failed) AS attempts_failed,
  sum(timed_out) AS timeouts,
  count() AS requests,
  countIf(tries > 1) AS retried,
  countIf(NOT succeeded) AS requests_failed,
  1 - attempts_failed / attempts AS availability_per_attempt,
  1 - requests_failed / requests AS availability_per_request
FROM (
  SELECT
    r.model AS model,
    r.request_id AS request_id,
    argMax(r.version, (r.ts, r.attempt)) AS version,
    count() AS tries,
    countIf(r.error_type != '') AS failed,
    countIf(r.error_type = 'timeout') AS timed_out,
    failed < tries AS succeeded
  FROM request_latest AS r
  WHERE ({model:String} = '' OR r.model = {model:String})
    AND r.ts >= {from:DateTime64(3, 'UTC')}
    AND r.ts < {to:DateTime64(3, 'UTC')}
    AND NOT r.mirrored
  GROUP BY r.model, r.request_id
)
GROUP BY model, version
ORDER BY model, version
