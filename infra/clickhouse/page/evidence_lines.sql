-- How did the evidence on some slices of a release grow?
--
-- model          of which model
-- version        of which candidate
-- rule, sli, measure  of which comparison; the SLI or the measure is empty
-- slices         of which slices
-- began          of the comparison that began then (slices_compared.sql)
-- at             up to which moment, UTC, event time
-- step_s         length of a step [s], of which the last point counts
SELECT * FROM (
  SELECT
    e.slice AS slice,
    e.at AS at,
    e.log_e AS log_e,
    e.value AS value,
    e.lower AS lower,
    e.upper AS upper,
    e.verdict AS verdict
  FROM evidence AS e
  WHERE e.model = {model:String}
    AND e.version = {version:String}
    AND e.rule = {rule:String}
    AND e.sli = {sli:String}
    AND e.measure = {measure:String}
    AND e.slice IN {slices:Array(String)}
    AND e.at <= {at:DateTime64(3, 'UTC')}
    AND e.began = {began:DateTime64(3, 'UTC')}
  ORDER BY e.slice, e.at DESC
  LIMIT 1 BY e.slice, intDiv(toUnixTimestamp(e.at), {step_s:UInt32})
)
ORDER BY slice, at
LIMIT 20000
