-- How did the evidence about a candidate grow, until it was judged?
--
-- model          of which model
-- version        the candidate
-- rule           the name of a canary rule in the policy
--
-- Needs no slice dimension. A row where a verdict changed, and for all traffic (slice *) each time the candidate's
-- events had doubled. `difference` is the candidate's ratio of bad events less the baseline's, and lies in [lower,
-- upper] at `confidence` however often one looks. `e_value` is the evidence for harm: without harm it ever reaches x in
-- at most one of x releases. Where the verdict is INSUFFICIENT, `detectable` is the smallest difference that would have
-- shown by then, and `decides_in` how many further events of the candidate would decide at the observed difference.
SELECT
  v.at AS at,
  v.slice AS slice,
  v.sli AS sli,
  v.verdict AS verdict,
  JSONExtract(v.evidence, 'candidate', 'good', 'Nullable(UInt64)') AS candidate_good,
  JSONExtract(v.evidence, 'candidate', 'bad', 'Nullable(UInt64)') AS candidate_bad,
  JSONExtractString(v.evidence, 'baseline', 'version') AS baseline,
  JSONExtract(v.evidence, 'baseline', 'good', 'Nullable(UInt64)') AS baseline_good,
  JSONExtract(v.evidence, 'baseline', 'bad', 'Nullable(UInt64)') AS baseline_bad,
  v.value AS difference,
  v.lower AS lower,
  v.upper AS upper,
  JSONExtract(v.evidence, 'confidence', 'Nullable(Float64)') AS confidence,
  exp(JSONExtract(v.evidence, 'log_e', 'Nullable(Float64)')) AS e_value,
  JSONExtract(v.evidence, 'detectable', 'Nullable(Float64)') AS detectable,
  JSONExtract(v.evidence, 'decides_in', 'Nullable(Float64)') AS decides_in,
  v.since AS since
FROM verdict_latest AS v
WHERE v.model = {model:String}
  AND v.version = {version:String}
  AND v.rule = {rule:String}
ORDER BY at, sli, slice
