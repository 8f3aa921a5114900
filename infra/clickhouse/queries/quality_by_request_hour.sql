-- How good were the answers, by the hour of the request, and how much of that is known by now?
--
-- model          of which model
-- kind           of which feedback: label, judge, thumbs, ...
-- from, to       the range: requests made in [from, to), UTC, best on the hour
-- panes          outcome_pane_latest; beyond its 35 days outcome_pane_1h_latest
--
-- Needs no slice dimension. Feedback comes late, so an hour's quality goes on changing: `maturity` is the share of the
-- hour's requests that have feedback of this kind. Compare hours and versions only where it is alike, because what is
-- reported first is seldom a fair sample. Each criterion of a judge has rows of its own, by its `name`; of several
-- judgements on a request by one criterion the last one given counts; those made for a complaint, or only because of a
-- slice's larger rate, are left out. `mean_value` is over feedback that is a number, `agreement` the share of feedback
-- that equals the prediction; each is NULL where there is none.
SELECT
  asked.hour AS hour,
  asked.version AS version,
  told.name AS name,
  asked.requests AS requests,
  told.labelled AS labelled,
  labelled / requests AS maturity,
  told.mean_value AS mean_value,
  told.agreement AS agreement
FROM (
  SELECT toStartOfHour(p.pane_start) AS hour, p.version AS version, sum(p.n) AS requests
  FROM {panes:Identifier} AS p
  WHERE p.model = {model:String}
    AND p.pane_start >= {from:DateTime64(3, 'UTC')}
    AND p.pane_start < {to:DateTime64(3, 'UTC')}
  GROUP BY hour, version
) AS asked
LEFT JOIN (
  SELECT
    hour,
    version,
    name,
    count() AS labelled,
    avgOrNull(last_number) AS mean_value,
    avgOrNullIf(last_value = last_prediction, last_prediction != '') AS agreement
  FROM (
    SELECT
      toStartOfHour(assumeNotNull(f.request_ts)) AS hour,
      f.version AS version,
      f.name AS name,
      f.request_id AS request_id,
      -- In a tuple, because argMax alone would pass over a last judgement that is no number.
      argMax(tuple(f.value_number), f.ts).1 AS last_number,
      argMax(f.value, f.ts) AS last_value,
      argMax(f.prediction, f.ts) AS last_prediction
    FROM feedback_latest AS f
    WHERE f.model = {model:String}
      AND f.kind = {kind:String}
      AND f.sample NOT IN ('report', 'floor')
      -- Not needed for the answer but for the index; clocks may differ by an hour.
      AND f.ts >= {from:DateTime64(3, 'UTC')} - INTERVAL 1 HOUR
      AND f.request_ts >= {from:DateTime64(3, 'UTC')}
      AND f.request_ts < {to:DateTime64(3, 'UTC')}
    GROUP BY hour, version, name, request_id
  )
  GROUP BY hour, version, name
) AS told ON told.hour = asked.hour AND told.version = asked.version
ORDER BY hour, version, name
