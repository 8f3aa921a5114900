-- Which versions were taken out, and on what evidence?
--
-- model          of which model; '' = of all
--
-- Needs no slice dimension. One row per rollback or kill. `affected` are the slices that are BAD, worst first; the
-- numbers are those of the worst: bad and all events of candidate and baseline, the difference of their bad ratios in
-- [lower, upper] at `confidence`, and its E-value. A rule that compares no versions has `good` and `bad` instead of
-- arms, and its own `value` against `threshold`. `differs` is where the release metadata of the two versions differs.
SELECT
  c.at AS at,
  c.model AS model,
  c.type AS type,
  c.version AS version,
  c.pin AS pin,
  c.rule AS rule,
  arrayMap(s -> JSONExtractString(s, 'slice'), JSONExtractArrayRaw(c.slices)) AS affected,
  affected[1] AS worst,
  JSONExtractString(c.evidence, 'sli') AS sli,
  JSONExtract(c.evidence, 'candidate', 'bad', 'Nullable(UInt64)') AS candidate_bad,
  candidate_bad + JSONExtract(c.evidence, 'candidate', 'good', 'Nullable(UInt64)') AS candidate_n,
  JSONExtract(c.evidence, 'baseline', 'bad', 'Nullable(UInt64)') AS baseline_bad,
  baseline_bad + JSONExtract(c.evidence, 'baseline', 'good', 'Nullable(UInt64)') AS baseline_n,
  JSONExtract(c.evidence, 'good', 'Nullable(UInt64)') AS good,
  JSONExtract(c.evidence, 'bad', 'Nullable(UInt64)') AS bad,
  JSONExtract(c.evidence, 'value', 'Nullable(Float64)') AS value,
  JSONExtract(c.evidence, 'lower', 'Nullable(Float64)') AS lower,
  JSONExtract(c.evidence, 'upper', 'Nullable(Float64)') AS upper,
  JSONExtract(c.evidence, 'confidence', 'Nullable(Float64)') AS confidence,
  JSONExtract(c.evidence, 'threshold', 'Nullable(Float64)') AS threshold,
  exp(JSONExtract(c.evidence, 'log_e', 'Nullable(Float64)')) AS e_value,
  c.diff AS differs
FROM control_latest AS c
WHERE ({model:String} = '' OR c.model = {model:String})
  AND c.type IN ('rollback', 'kill')
ORDER BY at, model, c.revision
