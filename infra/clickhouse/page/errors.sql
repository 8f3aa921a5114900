-- How did requests of each version fail?
--
-- model          of which model
-- from, to       windows that end in (from, to], UTC, event time
--
-- The 20 most frequent types of each version.
SELECT version, error_type, n
FROM (
  SELECT w.version AS version, failed.1 AS error_type, sum(failed.2) AS n
  FROM outcome_window_latest AS w
  ARRAY JOIN arrayZip(w.error_types, w.errors) AS failed
  WHERE w.model = {model:String}
    AND w.slice = '*'
    AND w.size_ms = (SELECT min(size_ms) FROM outcome_window WHERE model = {model:String})
    AND w.window_end > {from:DateTime64(3, 'UTC')}
    AND w.window_end <= {to:DateTime64(3, 'UTC')}
  GROUP BY version, error_type
)
ORDER BY version, n DESC, error_type
LIMIT 20 BY version
