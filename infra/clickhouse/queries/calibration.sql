-- Is each version as often right as it is confident?
--
-- model          of which model
-- from, to       the range: requests made in [from, to), UTC
-- panes          outcome_pane_latest: what share of the requests has a label
--
-- Needs feedback of kind label with `prediction` and `score` (0 to 1) of its request, from itself or by `rollguard
-- enrich`. Of several labels of one request the last counts; there are ten bins. `accuracy` is the share of right
-- answers in the bin, `confidence` the mean score; `calibration_error` is their distance over all bins of the version,
-- weighted by answers: with few labels it is too large. `maturity` is the share of the version's requests that have a
-- label by now.
SELECT
  l.version AS version,
  l.bin / 10 AS low,
  (l.bin + 1) / 10 AS high,
  l.n AS labels,
  l.right / l.n AS accuracy,
  l.total / l.n AS confidence,
  sum(abs(l.right - l.total)) OVER (PARTITION BY l.version) / sum(l.n) OVER (PARTITION BY l.version) AS calibration_error,
  sum(l.n) OVER (PARTITION BY l.version) / r.requests AS maturity
FROM (
  SELECT version, toUInt8(least(floor(confidence_of * 10), 9)) AS bin, count() AS n,
    countIf(label = said) AS right, sum(confidence_of) AS total
  FROM (
    SELECT version, request_id, argMax(value, ts) AS label, argMax(prediction, ts) AS said, argMax(score, ts) AS confidence_of
    FROM feedback_latest
    WHERE model = {model:String} AND kind = 'label' AND prediction != '' AND score BETWEEN 0 AND 1
      AND request_ts >= {from:DateTime64(3, 'UTC')} AND request_ts < {to:DateTime64(3, 'UTC')}
    GROUP BY version, request_id
  )
  GROUP BY version, bin
) AS l
LEFT JOIN (
  SELECT version, sum(n) AS requests
  FROM {panes:Identifier}
  WHERE model = {model:String}
    AND pane_start >= {from:DateTime64(3, 'UTC')} AND pane_start < {to:DateTime64(3, 'UTC')}
  GROUP BY version
) AS r ON r.version = l.version
ORDER BY version, low
