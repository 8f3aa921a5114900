-- What does a unit of business value cost, by version?
--
-- model          of which model
-- from, to       the range: requests made in [from, to), UTC, by panes; feedback on them, whenever it came
-- panes          sli_pane_latest
-- sli            the SLI whose good events are successes
-- costs          measure_pane_latest
--
-- Needs measure cost_usd, and feedback of kind kpi, of which several on one request add up. A row per version, KPI and
-- unit; a version without feedback has one row without a KPI. Feedback that does not say when its request was made
-- counts by its own time. `kpi_share` is how much feedback has come, as items per request.
SELECT
  c.version AS version,
  k.name AS kpi,
  k.unit AS unit,
  s.requests AS requests,
  s.successes AS successes,
  c.cost AS cost_usd,
  k.n / s.requests AS kpi_share,
  if(k.n > 0, k.total, NULL) AS kpi_total,
  toFloat64(c.cost) / nullIf(s.successes, 0) AS cost_per_success,
  if(k.total > 0, toFloat64(c.cost) / k.total, NULL) AS cost_per_kpi
FROM (
  SELECT version, sum(p.sum) AS cost
  FROM {costs:Identifier} AS p
  WHERE p.model = {model:String} AND p.measure = 'cost_usd'
    AND p.pane_start >= {from:DateTime64(3, 'UTC')} AND p.pane_start < {to:DateTime64(3, 'UTC')}
  GROUP BY version
) AS c
INNER JOIN (
  SELECT version, sum(p.good) AS successes, sum(p.good + p.bad + p.neither) AS requests
  FROM {panes:Identifier} AS p
  WHERE p.model = {model:String} AND p.sli = {sli:String}
    AND p.pane_start >= {from:DateTime64(3, 'UTC')} AND p.pane_start < {to:DateTime64(3, 'UTC')}
  GROUP BY version
) AS s ON s.version = c.version
LEFT JOIN (
  SELECT version, name, unit, count() AS n, sum(ifNull(value_number, 0)) AS total
  FROM feedback_latest
  WHERE model = {model:String} AND kind = 'kpi'
    AND ifNull(request_ts, ts) >= {from:DateTime64(3, 'UTC')} AND ifNull(request_ts, ts) < {to:DateTime64(3, 'UTC')}
  GROUP BY version, name, unit
) AS k ON k.version = c.version
ORDER BY version, kpi, unit
