-- How did requests of each version fail?
--
-- model          of which model
-- slice          of which slice, '*' = all traffic
-- from, to       windows that end in (from, to], UTC, event time
--
-- The 20 most frequent types of each version, with the share of all its `requests`.
SELECT version, kind.1 AS error_type, kind.2 AS n, requests, n / requests AS share
FROM (
  SELECT w.version AS version, sum(w.requests) AS requests, sumMap(w.error_types, w.errors) AS failed
  FROM outcome_window AS w FINAL
  WHERE w.model = {model:String}
    AND w.slice = {slice:String}
    AND w.size_ms = (SELECT size_ms FROM outcome_window WHERE model = {model:String} ORDER BY model, kind, size_ms LIMIT 1)
    AND w.window_end > {from:DateTime64(3, 'UTC')}
    AND w.window_end <= {to:DateTime64(3, 'UTC')}
  GROUP BY version
)
ARRAY JOIN arrayZip(failed.1, failed.2) AS kind
ORDER BY version, n DESC, error_type
LIMIT 20 BY version
