-- What did each comparison of some slices of a release say at a moment?
--
-- model          of which model
-- version        of which candidate
-- slices         of which slices
-- began          of the comparison that began then (slices_compared.sql)
-- at             the moment, UTC, event time
--
-- One row per rule, SLI or measure, and slice. A row that was stored twice counts once.
SELECT
  e.rule AS rule,
  e.sli AS sli,
  e.measure AS measure,
  e.slice AS slice,
  e.baseline AS baseline,
  e.at AS at,
  e.began AS began,
  e.verdict AS verdict,
  e.candidate_good AS candidate_good,
  e.candidate_bad AS candidate_bad,
  e.baseline_good AS baseline_good,
  e.baseline_bad AS baseline_bad,
  e.value AS value,
  e.lower AS lower,
  e.upper AS upper,
  e.log_e AS log_e,
  e.log_e_peak AS log_e_peak,
  e.needed_log_e AS needed_log_e,
  e.detectable AS detectable,
  e.decides_in AS decides_in,
  e.since AS since,
  e.policy AS policy
FROM evidence AS e
WHERE e.model = {model:String}
  AND e.version = {version:String}
  AND e.slice IN {slices:Array(String)}
  AND e.at <= {at:DateTime64(3, 'UTC')}
  AND e.began = {began:DateTime64(3, 'UTC')}
ORDER BY e.rule DESC, e.sli DESC, e.measure DESC, e.slice DESC, e.at DESC
LIMIT 1 BY e.rule, e.sli, e.measure, e.slice
