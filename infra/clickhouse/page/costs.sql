-- What did the requests of each version cost, by success and by what they were worth?
--
-- model          of which model
-- sli            the SLI whose good events are successes
-- from, to       windows that end in (from, to], UTC, event time
--
-- From the policy's shortest tumbling windows, of all traffic. A row per version, KPI and unit; feedback of kind kpi
-- counts at the time of its request.
WITH
  (SELECT min(size_ms) FROM measure_window
   WHERE model = {model:String} AND measure = 'cost_usd' AND kind = 'tumbling' AND slice = '*') AS size
SELECT c.version AS version, c.cost AS cost, c.served AS requests, s.successes AS successes, k.name AS kpi, k.unit AS unit,
  c.cost / nullIf(s.successes, 0) AS per_success, if(k.total > 0, c.cost / k.total, NULL) AS per_kpi
FROM (
  SELECT version, sum(n * mean) AS cost, sum(n) AS served
  FROM (
    SELECT version, window_end, n, mean FROM measure_window
    WHERE model = {model:String} AND measure = 'cost_usd' AND kind = 'tumbling' AND slice = '*' AND size_ms = size
      AND window_end > {from:DateTime64(3, 'UTC')} AND window_end <= {to:DateTime64(3, 'UTC')}
    ORDER BY version, window_end, ver DESC
    LIMIT 1 BY version, window_end
  )
  WHERE NOT startsWith(version, '__mirrored__/')
  GROUP BY version
) AS c
LEFT JOIN (
  SELECT version, sum(good) AS successes
  FROM (
    SELECT version, window_end, good FROM sli_window
    WHERE model = {model:String} AND sli = {sli:String} AND kind = 'tumbling' AND slice = '*' AND size_ms = size
      AND window_end > {from:DateTime64(3, 'UTC')} AND window_end <= {to:DateTime64(3, 'UTC')}
    ORDER BY version, window_end, ver DESC
    LIMIT 1 BY version, window_end
  )
  GROUP BY version
) AS s ON s.version = c.version
LEFT JOIN (
  SELECT version, name, unit, sum(ifNull(value_number, 0)) AS total
  FROM feedback_latest
  WHERE model = {model:String} AND kind = 'kpi'
    AND ifNull(request_ts, ts) > {from:DateTime64(3, 'UTC')} AND ifNull(request_ts, ts) <= {to:DateTime64(3, 'UTC')}
  GROUP BY version, name, unit
) AS k ON k.version = c.version
WHERE c.cost > 0
ORDER BY version, kpi, unit
