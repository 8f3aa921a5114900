-- How many answers were estimated to be right before labels came, and what do labels say by now?
--
-- model          of which model
-- from, to       the range: windows that began in [from, to), UTC
-- window_s       length of the monitor's window [s]: 3600
--
-- Needs a monitor of kind `estimated`, and feedback of kind label with `prediction` of its request, from itself or by
-- `rollguard enrich`. Of all traffic; labels count in the window of their requests, whenever they come, and of several
-- labels of one request the last. `estimated` is NULL if there were too few labels to learn from; `labels_so_far` is
-- how many there were, `expected` how many of them were right. If `accuracy` departs from `estimated`, a score no
-- longer means the same.
SELECT
  d.window_start AS window_start,
  d.version AS version,
  d.monitor AS monitor,
  d.verdict AS verdict,
  d.n_current AS answers,
  if(isNaN(d.score), NULL, d.score) AS estimated,
  if(isNaN(d.expected), NULL, d.expected) AS expected,
  d.n_reference AS labels_so_far,
  l.n AS labels,
  if(l.n = 0, NULL, l.right / l.n) AS accuracy
FROM drift_latest AS d
LEFT JOIN (
  SELECT version, intDiv(asked, {window_s:UInt32} * 1000) AS number, count() AS n, countIf(label = said) AS right
  FROM (
    SELECT
      f.version AS version,
      f.request_id AS request_id,
      toUnixTimestamp64Milli(assumeNotNull(any(f.request_ts))) AS asked,
      argMax(f.value, f.ts) AS label,
      argMax(f.prediction, f.ts) AS said
    FROM feedback_latest AS f
    WHERE f.model = {model:String}
      AND f.kind = 'label'
      AND f.prediction != ''
      AND f.sample NOT IN ('report', 'floor')
      AND f.request_ts >= {from:DateTime64(3, 'UTC')}
    GROUP BY version, request_id
  )
  GROUP BY version, number
) AS l ON l.version = d.version AND l.number = intDiv(toUnixTimestamp64Milli(d.window_start), {window_s:UInt32} * 1000)
WHERE d.model = {model:String}
  AND d.method = 'estimated'
  AND d.slice = '*'
  AND d.window_start >= {from:DateTime64(3, 'UTC')}
  AND d.window_start < {to:DateTime64(3, 'UTC')}
ORDER BY window_start, version, monitor
