-- What did the monitors without PSI (drift_map.sql has the others) see, window by window?
--
-- model          of which model
-- slice          of which slice, '*' = all traffic
-- from, to       windows that end in (from, to], UTC, event time
SELECT
  d.field AS field,
  d.method AS method,
  d.version AS version,
  d.window_end AS at,
  argMax(d.score, abs(d.score / nullIf(d.threshold, 0))) AS score,
  argMax(d.threshold, abs(d.score / nullIf(d.threshold, 0))) AS threshold,
  max(d.verdict = 'BAD') AS is_bad
FROM drift_scores AS d
WHERE d.model = {model:String}
  AND d.slice = {slice:String}
  AND d.method != 'psi'
  AND d.window_end > {from:DateTime64(3, 'UTC')}
  AND d.window_end <= {to:DateTime64(3, 'UTC')}
GROUP BY field, method, version, at
ORDER BY at DESC, field, method, version
LIMIT 5000
