-- How far were the fields of a model from their reference over time, the worst fields first?
--
-- model          of which model
-- slice          of which slice, '*' = all traffic
-- from, to       windows that end in (from, to], UTC, event time
-- columns        how many steps of time at most
-- count          how many fields at most
--
-- By PSI. A row for each field, version and step: the furthest of the windows that end in it, up to `at`. `place` ranks
-- the fields: first by the number of steps in which they were found to drift, then by how far they went beyond their
-- limit. A step without windows has no row.
WITH
  (
    SELECT (toUnixTimestamp(min(window_end)), toUnixTimestamp(max(window_end)), min(dateDiff('second', window_start, window_end)))
    FROM drift_scores
    WHERE model = {model:String} AND slice = {slice:String} AND method = 'psi'
      AND window_end > {from:DateTime64(3, 'UTC')} AND window_end <= {to:DateTime64(3, 'UTC')}
  ) AS known,
  arrayFirst(
    each -> each >= known.3 AND intDiv(known.2 + each - 1, each) - intDiv(known.1 + each - 1, each) < {columns:UInt32},
    [60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800]
  ) AS step
SELECT place, fields, field, version, at, step_s, score, threshold, is_bad, is_known
FROM (
  SELECT *, dense_rank() OVER (ORDER BY bad_n DESC, furthest DESC, field) AS place, uniqExact(field) OVER () AS fields
  FROM (
    SELECT *, sum(is_bad) OVER (PARTITION BY field) AS bad_n, max(far) OVER (PARTITION BY field) AS furthest
    FROM (
      SELECT
        d.field AS field,
        d.version AS version,
        toDateTime64(intDiv(toUnixTimestamp(d.window_end) + greatest(step, 1) - 1, greatest(step, 1)) * greatest(step, 1), 3, 'UTC') AS at,
        any(step) AS step_s,
        max(d.score) AS score,
        argMax(d.threshold, d.score) AS threshold,
        max(ifNull(d.score / nullIf(d.threshold, 0), 0)) AS far,
        max(d.verdict = 'BAD') AS is_bad,
        max(d.verdict != 'INSUFFICIENT') AS is_known
      FROM drift_scores AS d
      WHERE d.model = {model:String}
        AND d.slice = {slice:String}
        AND d.method = 'psi'
        AND d.window_end > {from:DateTime64(3, 'UTC')}
        AND d.window_end <= {to:DateTime64(3, 'UTC')}
        AND NOT startsWith(d.version, '__mirrored__/')
      GROUP BY field, version, at
    )
  )
)
WHERE place <= {count:UInt32}
ORDER BY place, version, at
LIMIT 10000
