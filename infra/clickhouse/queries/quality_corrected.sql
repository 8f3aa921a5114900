-- What share of answers would people let pass, by version, when the judge's own errors are taken out?
--
-- model          of which model
-- evaluator      whose judgements: the name of the evaluator
-- criterion      by which of its criteria
-- limit          a score from here on passes: the evaluator's pass_score
-- from, to       the range: judgements given in [from, to), UTC
-- by             slice dimensions, such as ['region'], or []
--
-- Needs an evaluator with a golden set. Each version of the judge (source) is a row, with its golden cases of the same
-- range: `sensitivity` is the share of the cases passed by people that the judge passed, too, `specificity` the share
-- of the others that it failed. `ratio` is (raw + specificity - 1) / (sensitivity + specificity - 1), by W. J. Rogan,
-- B. Gladen, "Estimating prevalence from the results of a screening test", American Journal of Epidemiology 107 (1978)
-- 71-76. `lower` and `upper` are the 95 % interval of Z. Lang, J. Reiczigel, Preventive Veterinary Medicine 113 (2014)
-- 13-22, which includes the uncertainty of all three shares. NULL where the judge tells good from bad no better than
-- chance, or has no golden cases of both kinds. Judgements drawn only because of a slice's larger rate count only `by`
-- slice; those of requests that users complained of never count.
WITH
  1.959963984540054 AS z,
  (passed + z * z / 2) / (judged + z * z) AS p,
  (g.agreed_pass + 1) / (g.labelled_pass + 2) AS se,
  (g.agreed_fail + 1) / (g.labelled_fail + 2) AS sp,
  se * (1 - se) / (g.labelled_pass + 2) AS se_var,
  sp * (1 - sp) / (g.labelled_fail + 2) AS sp_var,
  (p + sp - 1) / (se + sp - 1) AS theta,
  2 * z * z * (theta * se_var - (1 - theta) * sp_var) AS shift,
  z * sqrt(p * (1 - p) / (judged + z * z) + theta * theta * se_var + (1 - theta) * (1 - theta) * sp_var) / (se + sp - 1)
    AS half,
  g.labelled_pass > 0 AND g.labelled_fail > 0 AND sensitivity + specificity > 1 AND se + sp > 1 AS tells
SELECT
  r.version AS version,
  r.slice AS slice,
  r.source AS source,
  r.judged AS judged,
  r.passed AS passed,
  passed / judged AS raw,
  if(g.labelled_pass = 0, NULL, g.agreed_pass / g.labelled_pass) AS sensitivity,
  if(g.labelled_fail = 0, NULL, g.agreed_fail / g.labelled_fail) AS specificity,
  if(tells, least(1, greatest(0, (raw + specificity - 1) / (sensitivity + specificity - 1))), NULL) AS ratio,
  if(tells, least(1, greatest(0, theta + shift - half)), NULL) AS lower,
  if(tells, least(1, greatest(0, theta + shift + half)), NULL) AS upper
FROM (
  SELECT
    f.version AS version,
    arrayMap(d -> f.dims[d], {by:Array(String)}) AS slice,
    f.source AS source,
    uniqExact(f.request_id) AS judged,
    uniqExactIf(f.request_id, f.value_number >= {limit:Float64}) AS passed
  FROM feedback_latest AS f
  WHERE f.model = {model:String}
    AND f.kind IN ('judge', 'safety')
    AND f.name = {criterion:String}
    AND startsWith(f.source, concat({evaluator:String}, '@'))
    AND f.value_number IS NOT NULL
    AND f.sample != 'report' AND (f.sample != 'floor' OR notEmpty({by:Array(String)}))
    AND f.ts >= {from:DateTime64(3, 'UTC')}
    AND f.ts < {to:DateTime64(3, 'UTC')}
  GROUP BY version, slice, source
) AS r
LEFT JOIN (
  SELECT
    l.version AS source,
    countIf(l.value = 'pass') AS labelled_pass,
    countIf(l.value = 'pass' AND l.prediction = 'pass') AS agreed_pass,
    countIf(l.value = 'fail') AS labelled_fail,
    countIf(l.value = 'fail' AND l.prediction = 'fail') AS agreed_fail
  FROM feedback_latest AS l
  WHERE l.model = concat('judge:', {evaluator:String})
    AND l.kind = 'label'
    AND l.source = 'golden'
    AND l.name = {criterion:String}
    AND l.ts >= {from:DateTime64(3, 'UTC')}
    AND l.ts < {to:DateTime64(3, 'UTC')}
  GROUP BY source
) AS g ON g.source = r.source
ORDER BY version, slice, source
