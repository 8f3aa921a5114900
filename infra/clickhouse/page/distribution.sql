-- How is a field distributed in training, and by version while the model serves?
--
-- model, field   of which model, and which field
-- slice          one that a monitor of the field watches, '*' = all traffic
-- from, to       windows that end in (from, to], UTC, event time
--
-- A row for each version and bin of the profile that was used last; if there are windows of several lengths, the
-- shortest count. The last two bins are missing and unseen values.
WITH (
  SELECT (argMax(profile, window_end), min(window_end - window_start))
  FROM feature_window
  WHERE model = {model:String} AND field = {field:String} AND slice = {slice:String}
    AND window_end > {from:DateTime64(3, 'UTC')} AND window_end <= {to:DateTime64(3, 'UTC')}
) AS used
SELECT
  served.version AS version,
  served.bin AS bin,
  p.label AS label,
  served.n AS n,
  served.n / nullIf(sum(served.n) OVER (PARTITION BY served.version), 0) AS share,
  p.n / nullIf(sum(p.n) OVER (PARTITION BY served.version), 0) AS training
FROM (
  SELECT w.version AS version, bin, sum(count) AS n
  FROM feature_window_latest AS w
  ARRAY JOIN w.counts AS count, arrayEnumerate(w.counts) AS bin
  WHERE w.model = {model:String}
    AND w.field = {field:String}
    AND w.slice = {slice:String}
    AND w.profile = used.1
    AND w.window_end - w.window_start = used.2
    AND w.window_end > {from:DateTime64(3, 'UTC')}
    AND w.window_end <= {to:DateTime64(3, 'UTC')}
    AND NOT startsWith(w.version, '__mirrored__/')
  GROUP BY version, bin
) AS served
INNER JOIN profile_latest AS p ON p.bin = served.bin AND p.field = {field:String} AND p.profile = used.1
ORDER BY version, bin
LIMIT 2000
