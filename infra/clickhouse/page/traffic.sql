-- How much did each version of each model serve?
--
-- model          of which model; '' = of all
-- from, to       minutes that end in (from, to], UTC, event time
--
-- Needs a tumbling window in the policy; the shortest of each model counts. Copies of requests (__mirrored__/) are kept
-- apart.
SELECT
  w.model AS model,
  w.version AS version,
  sum(w.requests) AS requests,
  sum(arraySum(w.errors)) AS failed,
  min(w.window_start) AS first,
  max(w.window_end) AS last
FROM outcome_window AS w FINAL
WHERE ({model:String} = '' OR w.model = {model:String})
  AND w.slice = '*'
  AND (w.model, w.size_ms) IN (
    SELECT model, min(size_ms) FROM outcome_window
    WHERE ({model:String} = '' OR model = {model:String}) AND slice = '*'
      AND window_end > {from:DateTime64(3, 'UTC')} AND window_end <= {to:DateTime64(3, 'UTC')}
    GROUP BY model
  )
  AND w.window_end > {from:DateTime64(3, 'UTC')}
  AND w.window_end <= {to:DateTime64(3, 'UTC')}
GROUP BY model, version
ORDER BY model, version
