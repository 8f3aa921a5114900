-- On how many requests did no feedback of some kind come, by when they were made, and how much of that is known by now?
-- Such as reports per thousand, or the share that was not abandoned.
--
-- model          of which model
-- sli            which SLI of kind feedback_absent
-- from, to       the range: requests made in [from, to), UTC
-- step_s         length of a row's interval in seconds, best a multiple of the pane
-- by             slice dimensions, such as ['region'], or []
--
-- A row is revised until `maturity` is 1: the share of its requests for which all feedback that counts has come.
-- Compare versions only at similar maturity. `ratio` is NULL if no request is known.
-- Needs table sli_cohort: a policy with an SLI of kind feedback_absent.
SELECT
  toStartOfInterval(c.pane_start, toIntervalSecond({step_s:UInt32})) AS time,
  c.version AS version,
  arrayMap(name -> c.dims[name], {by:Array(String)}) AS slice,
  sum(c.requests) AS asked,
  sum(c.bad) AS heard,
  if(asked = 0, NULL, 1000 * heard / asked) AS per_thousand,
  if(asked = 0, NULL, greatest(0, 1 - heard / asked)) AS ratio,
  if(asked = 0, NULL, sumIf(c.requests, c.mature = 1) / asked) AS maturity
FROM sli_by_cohort AS c
WHERE c.model = {model:String}
  AND c.sli = {sli:String}
  AND c.pane_start >= {from:DateTime64(3, 'UTC')}
  AND c.pane_start < {to:DateTime64(3, 'UTC')}
GROUP BY time, version, slice
ORDER BY time, version, slice
