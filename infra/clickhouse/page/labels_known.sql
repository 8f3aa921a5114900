-- How many requests have a label by now, by the time they were made, and how many of those were right?
--
-- model          of which model
-- from, to       requests made in (from, to], with the labels that came up to then, UTC, event time
-- step_s         seconds of a step, a multiple of the shortest tumbling window
--
-- Labels come late, so the last steps go on changing: where few are `labelled`, those are seldom a fair sample.
SELECT
  a.version AS version,
  a.at AS at,
  a.requests AS requests,
  l.labelled AS labelled,
  least(l.labelled / a.requests, 1) AS share,
  l.right / nullIf(l.labelled, 0) AS agreement
FROM (
  SELECT w.version AS version, toStartOfInterval(w.window_start, toIntervalSecond({step_s:UInt32})) AS at, sum(w.requests) AS requests
  FROM outcome_window AS w FINAL
  WHERE w.model = {model:String}
    AND w.slice = '*'
    AND w.size_ms = (SELECT size_ms FROM outcome_window WHERE model = {model:String} ORDER BY model, kind, size_ms LIMIT 1)
    AND w.window_end > {from:DateTime64(3, 'UTC')}
    AND w.window_end <= {to:DateTime64(3, 'UTC')}
  GROUP BY version, at
) AS a
LEFT JOIN (
  SELECT f.version AS version, toStartOfInterval(assumeNotNull(f.request_ts), toIntervalSecond({step_s:UInt32})) AS at,
    uniqExact(f.request_id) AS labelled, uniqExactIf(f.request_id, f.value = f.prediction) AS right
  FROM feedback AS f
  WHERE f.model = {model:String}
    AND f.kind = 'label'
    AND f.ts > {from:DateTime64(3, 'UTC')}
    AND f.ts <= {to:DateTime64(3, 'UTC')}
    AND f.request_ts > {from:DateTime64(3, 'UTC')}
  GROUP BY version, at
) AS l ON l.version = a.version AND l.at = a.at
WHERE a.requests > 0 AND NOT startsWith(a.version, '__mirrored__/')
ORDER BY version, at
