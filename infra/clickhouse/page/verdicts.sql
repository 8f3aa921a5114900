-- What do rules say of versions at a moment?
--
-- versions       of which versions, of any model
-- at             the moment, UTC, event time
--
-- A row per model and version: how many of its series (rule, SLI and slice) are surely BAD, surely OK, and undecided.
SELECT
  model,
  version,
  countIf(verdict = 'BAD') AS bad,
  countIf(verdict = 'OK') AS good,
  countIf(verdict = 'INSUFFICIENT') AS undecided
FROM (
  SELECT v.model AS model, v.version AS version, argMax(v.verdict, v.at) AS verdict
  FROM verdict AS v
  WHERE v.version IN {versions:Array(String)}
    AND v.at <= {at:DateTime64(3, 'UTC')}
  GROUP BY v.model, v.rule, v.version, v.slice, v.sli
)
GROUP BY model, version
ORDER BY model, version
