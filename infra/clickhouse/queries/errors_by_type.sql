-- Which errors happen how often, by version and slice, over any range?
--
-- model          of which model
-- from, to       the range: panes that start in [from, to), UTC
-- by             names of the slice dimensions to group by, in order; [] = all traffic. `slice` holds their values.
-- panes          outcome_pane_latest; beyond its 35 days outcome_pane_1h_latest or outcome_pane_1d_latest, with from
--                and to on the hour or the day
--
-- Needs the dimensions named in `by` among the policy's slice dimensions. `share` is of all requests of the version and
-- slice, failed or not. Most frequent first.
SELECT version, slice, error_type, errors, requests, errors / requests AS share
FROM (
  SELECT
    p.version AS version,
    arrayMap(d -> p.dims[d], {by:Array(String)}) AS slice,
    p.error_type AS error_type,
    sum(p.n) AS errors,
    sum(sum(p.n)) OVER (PARTITION BY version, slice) AS requests
  FROM {panes:Identifier} AS p
  WHERE p.model = {model:String}
    AND p.pane_start >= {from:DateTime64(3, 'UTC')}
    AND p.pane_start < {to:DateTime64(3, 'UTC')}
  GROUP BY version, slice, error_type
)
WHERE error_type != ''
ORDER BY version, slice, errors DESC, error_type
