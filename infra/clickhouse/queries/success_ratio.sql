-- What share of requests was good, by version and slice, over any range?
--
-- model, sli     which counts
-- from, to       the range: panes that start in [from, to), UTC
-- by             names of the slice dimensions to group by, in order; [] = all traffic. `slice` holds their values.
-- panes          sli_pane_latest; beyond its 35 days sli_pane_1h_latest or sli_pane_1d_latest, with from and to on
--                the hour or the day
--
-- Needs the dimensions named in `by` among the policy's slice dimensions. `lower` and `upper` are the 95 % Wilson
-- interval, for single looks: looking again and again until it clears a limit is wrong more often (rules do not
-- use it). Without a good or bad request the ratio is NULL, which is neither good nor bad news.
WITH
  1.959963984540054 AS z,
  good + bad AS judged,
  (good + z * z / 2) / (judged + z * z) AS centre,
  z * sqrt(good * bad / judged + z * z / 4) / (judged + z * z) AS half
SELECT
  version,
  slice,
  good,
  bad,
  neither,
  if(judged = 0, NULL, good / judged) AS ratio,
  if(judged = 0, NULL, centre - half) AS lower,
  if(judged = 0, NULL, centre + half) AS upper
FROM (
  SELECT
    p.version AS version,
    arrayMap(d -> p.dims[d], {by:Array(String)}) AS slice,
    sum(p.good) AS good,
    sum(p.bad) AS bad,
    sum(p.neither) AS neither
  FROM {panes:Identifier} AS p
  WHERE p.model = {model:String}
    AND p.sli = {sli:String}
    AND p.pane_start >= {from:DateTime64(3, 'UTC')}
    AND p.pane_start < {to:DateTime64(3, 'UTC')}
  GROUP BY version, slice
)
ORDER BY version, slice
