-- How many requests does each version answer, over time, and what share of the traffic is that?
--
-- model          of which model
-- from, to       the range: panes that start in [from, to), UTC
-- step_s         length of a row's interval in seconds: a multiple of the pane's length
-- panes          outcome_pane_latest; beyond its 35 days outcome_pane_1h_latest or outcome_pane_1d_latest, with from,
--                to and step_s on the hour or the day
--
-- Needs no slice dimension. An interval in which a version answered nothing has no row. Copies of requests are versions
-- of their own, `__mirrored__/...`: their shares are of all copies, those of others of all requests.
SELECT
  time,
  version,
  requests,
  errors,
  requests / sum(requests) OVER (PARTITION BY time, startsWith(version, '__mirrored__/')) AS share
FROM (
  SELECT
    toStartOfInterval(p.pane_start, toIntervalSecond({step_s:UInt32})) AS time,
    p.version AS version,
    sum(p.n) AS requests,
    sumIf(p.n, p.error_type != '') AS errors
  FROM {panes:Identifier} AS p
  WHERE p.model = {model:String}
    AND p.pane_start >= {from:DateTime64(3, 'UTC')}
    AND p.pane_start < {to:DateTime64(3, 'UTC')}
  GROUP BY time, version
)
ORDER BY time, version
