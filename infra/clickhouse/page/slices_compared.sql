-- Which slices of a release are compared, the worst first?
--
-- model          of which model
-- version        of which candidate
-- at             the moment, UTC, event time
-- first, count   `count` slices from place `first` on, and the worst 40 in any case
-- find           also the first hundred whose names hold this text; '' = none
--
-- All traffic first, then by how many comparisons of a slice are BAD, then by evidence. `place` is the rank among all
-- `slices` of the comparison that `began` last. A row of evidence that was stored twice counts once.
SELECT slice, row_number() OVER (ORDER BY slice != '*', bad_n DESC, peak DESC, slice) AS place, count() OVER () AS slices, began
FROM (
  SELECT slice, countIf(verdict = 'BAD') AS bad_n, max(log_e_peak) AS peak, began
  FROM (
    SELECT e.slice AS slice, e.verdict AS verdict, e.log_e_peak AS log_e_peak, e.began AS began
    FROM evidence AS e
    WHERE e.model = {model:String}
      AND e.version = {version:String}
      AND e.at <= {at:DateTime64(3, 'UTC')}
    ORDER BY e.rule DESC, e.sli DESC, e.measure DESC, e.slice DESC, e.at DESC
    LIMIT 1 BY e.rule, e.sli, e.measure, e.slice
  )
  GROUP BY slice, began
  QUALIFY began = max(began) OVER ()
)
QUALIFY place <= 40
  OR (place > {first:UInt32} AND place <= {first:UInt32} + {count:UInt32})
  OR ({find:String} != '' AND positionCaseInsensitiveUTF8(slice, {find:String}) > 0)
ORDER BY place
LIMIT 140
