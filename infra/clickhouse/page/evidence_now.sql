-- What did each comparison of a release say at a moment?
--
-- model          of which model
-- version        of which candidate
-- at             the moment, UTC, event time
-- first, count   of which slices: so many from the place on, and the worst 40 in any case
--
-- One row per rule, SLI or measure, and slice, of the comparison that began last. `place` is that of the slice: all traffic
-- first, then by how many of its comparisons are BAD, then by evidence; of so many `slices`.
SELECT * FROM (
  SELECT *,
    dense_rank() OVER (ORDER BY slice != '*', bad_n DESC, peak DESC, slice) AS place,
    uniqExact(slice) OVER () AS slices
  FROM (
    SELECT *, sum(verdict = 'BAD') OVER (PARTITION BY slice) AS bad_n, max(log_e_peak) OVER (PARTITION BY slice) AS peak
    FROM (
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
      FROM evidence_latest AS e
      WHERE e.model = {model:String}
        AND e.version = {version:String}
        AND e.at <= {at:DateTime64(3, 'UTC')}
        AND e.began = (
          SELECT max(began) FROM evidence
          WHERE model = {model:String} AND version = {version:String} AND at <= {at:DateTime64(3, 'UTC')}
        )
      ORDER BY e.rule, e.sli, e.measure, e.slice, e.at DESC
      LIMIT 1 BY e.rule, e.sli, e.measure, e.slice
    )
  )
)
WHERE place <= 40 OR (place > {first:UInt32} AND place <= {first:UInt32} + {count:UInt32})
ORDER BY place, rule, sli, measure
LIMIT 20000
