-- How long did each rollback take, and each of its parts?
--
-- model          of which model; '' = of all
--
-- Needs no slice dimension. One row per version that was rolled back or killed. `onset` is an estimate from the counts,
-- as far as they show it. `to_detect_s` runs from there to the proof, `to_apply_s` on until the traffic had moved,
-- `to_verify_s` on until the version that serves was surely well; `to_recover_s` is all of it, from onset to recovered.
-- A step that has not happened is NULL; `outcome` is the last event. Each median is over the rollbacks of the model
-- that got so far, so those that never recovered are missing from some: look at `outcome` as well.
SELECT
  model,
  version,
  pin,
  rule,
  outcome,
  onset,
  detected,
  applied,
  recovered,
  dateDiff('millisecond', onset, detected) / 1000 AS to_detect_s,
  dateDiff('millisecond', detected, applied) / 1000 AS to_apply_s,
  dateDiff('millisecond', applied, recovered) / 1000 AS to_verify_s,
  dateDiff('millisecond', onset, recovered) / 1000 AS to_recover_s,
  quantileExactInclusive(0.5)(to_detect_s) OVER (PARTITION BY model) AS median_to_detect_s,
  quantileExactInclusive(0.5)(to_apply_s) OVER (PARTITION BY model) AS median_to_apply_s,
  quantileExactInclusive(0.5)(to_recover_s) OVER (PARTITION BY model) AS median_to_recover_s
FROM (
  SELECT
    c.model AS model,
    c.version AS version,
    c.detected AS detected,
    argMin(c.pin, c.revision) AS pin,
    argMin(c.rule, c.revision) AS rule,
    argMax(c.type, c.revision) AS outcome,
    max(c.onset) AS onset,
    max(c.applied) AS applied,
    max(c.recovered) AS recovered
  FROM control_latest AS c
  WHERE ({model:String} = '' OR c.model = {model:String})
    AND c.type IN ('rollback', 'kill', 'rollback_applied', 'recovered', 'rollback_ineffective')
    AND c.detected IS NOT NULL
  GROUP BY model, version, detected
)
ORDER BY model, detected, version
