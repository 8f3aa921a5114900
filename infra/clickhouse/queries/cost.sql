-- What do requests cost, in tokens and money, by version and slice, over any range?
--
-- model          of which model
-- from, to       the range: panes that start in [from, to), UTC
-- by             names of the slice dimensions to group by, in order; [] = all traffic. `slice` holds their values.
-- outcomes       outcome_pane_latest; beyond its 35 days outcome_pane_1h_latest or outcome_pane_1d_latest, with from
--                and to on the hour or the day
-- measures       measure_pane_latest, measure_pane_1h_latest or measure_pane_1d_latest in the same way
--
-- Needs the dimensions named in `by` among the policy's slice dimensions, and the measures cost_usd, input_tokens and
-- output_tokens.
--
-- A success is a request without an error type. A request without a cost is not free: averages are over the
-- requests with one, `cost_known` is their share, and the cost of a success assumes that the others cost as much.
SELECT
  asked.version AS version,
  asked.slice AS slice,
  asked.requests AS requests,
  asked.successes AS successes,
  used.input_tokens AS input_tokens,
  used.output_tokens AS output_tokens,
  used.cost_usd AS cost_usd,
  used.cost_n / requests AS cost_known,
  toFloat64(input_tokens) / nullIf(used.input_n, 0) AS input_tokens_per_request,
  toFloat64(output_tokens) / nullIf(used.output_n, 0) AS output_tokens_per_request,
  toFloat64(cost_usd) / nullIf(used.cost_n, 0) AS cost_per_request,
  1000 * cost_per_request AS cost_per_1k_requests,
  cost_per_request * requests / nullIf(successes, 0) AS cost_per_success
FROM (
  SELECT
    p.version AS version,
    arrayMap(d -> p.dims[d], {by:Array(String)}) AS slice,
    sum(p.n) AS requests,
    sumIf(p.n, p.error_type = '') AS successes
  FROM {outcomes:Identifier} AS p
  WHERE p.model = {model:String}
    AND p.pane_start >= {from:DateTime64(3, 'UTC')}
    AND p.pane_start < {to:DateTime64(3, 'UTC')}
  GROUP BY version, slice
) AS asked
LEFT JOIN (
  SELECT
    p.version AS version,
    arrayMap(d -> p.dims[d], {by:Array(String)}) AS slice,
    sumIf(p.sum, p.measure = 'cost_usd') AS cost_usd,
    sumIf(p.n, p.measure = 'cost_usd') AS cost_n,
    sumIf(p.sum, p.measure = 'input_tokens') AS input_tokens,
    sumIf(p.n, p.measure = 'input_tokens') AS input_n,
    sumIf(p.sum, p.measure = 'output_tokens') AS output_tokens,
    sumIf(p.n, p.measure = 'output_tokens') AS output_n
  FROM {measures:Identifier} AS p
  WHERE p.model = {model:String}
    AND p.measure IN ('cost_usd', 'input_tokens', 'output_tokens')
    AND p.pane_start >= {from:DateTime64(3, 'UTC')}
    AND p.pane_start < {to:DateTime64(3, 'UTC')}
  GROUP BY version, slice
) AS used ON used.version = asked.version AND used.slice = asked.slice
ORDER BY version, slice
