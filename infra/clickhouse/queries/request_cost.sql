-- What does each user, session, team or prompt cost?
--
-- by             what to add up by: user_id, session_id, team, endpoint, prompt_version, or model
-- model          of which model; '' = of all
-- from, to       the range: requests made in [from, to), UTC
--
-- Needs the request log (`rollguard archive`), which has a month. Users and sessions are named by their hashes, unless
-- the policy keeps ids as they are; '' are the requests that name none. A request without a cost is not free:
-- `cost_known` is the share with one. Dearest first.
SELECT
  toString(r.{by:Identifier}) AS who,
  uniqExact(r.model, r.request_id) AS requests,
  count() AS attempts,
  countIf(r.error_type != '') AS failures,
  sum(r.input_tokens) AS input_tokens,
  sum(r.output_tokens) AS output_tokens,
  sum(toDecimal128OrNull(toString(r.cost_usd), 9)) AS cost_usd,
  countIf(r.cost_usd IS NOT NULL) / attempts AS cost_known,
  toFloat64(cost_usd) / requests AS cost_per_request
FROM request_latest AS r
WHERE ({model:String} = '' OR r.model = {model:String})
  AND r.ts >= {from:DateTime64(3, 'UTC')}
  AND r.ts < {to:DateTime64(3, 'UTC')}
  AND NOT r.mirrored
GROUP BY who
ORDER BY cost_usd DESC NULLS LAST, requests DESC, who
