-- A day of PSI of a hundred features in so many slices, by the hour, of two versions. f7 of v2 drifts in region r2 from noon on.
-- f9 has a PSI beyond its limit there, once, that chance explains. f5 is looked at but once, and f8 has too few values at the end.
-- As monitors store it: of slices what is BAD and the first word in a row each, all else in one row per slice and window.
INSERT INTO progress (shard, at, requests, late, ver) VALUES ('s1', '2026-03-03 00:00:00', 1, 0, 1);
CREATE TABLE seen ENGINE = Memory AS
SELECT v, s, hour, if(s = 0, '*', concat('region=r', toString(s))) AS slice, concat('features.f', toString(f)) AS field,
  toDateTime64('2026-03-02 00:00:00', 3, 'UTC') + INTERVAL (hour - 1) HOUR AS starts,
  toDateTime64('2026-03-02 00:00:00', 3, 'UTC') + INTERVAL hour HOUR AS ends,
  if(f = 7 AND s = 2 AND v = 'v2' AND hour > 12, 'BAD', if(f = 8 AND hour = 24, 'INSUFFICIENT', 'OK')) AS verdict,
  multiIf(f = 7 AND s = 2 AND v = 'v2' AND hour > 12, 0.61, f = 9 AND s = 2 AND hour = 20, 0.25, 0.001 * f) AS score
FROM (SELECT number + 1 AS hour FROM numbers(24)) AS a,
  (SELECT arrayJoin(['v1', 'v2']) AS v) AS b,
  (SELECT number AS f FROM numbers(100)) AS c,
  (SELECT number AS s FROM numbers(SLICES)) AS d
WHERE f != 5 OR hour = 3;
INSERT INTO drift (model, version, slice, monitor, field, window_start, window_end, axis, kind, method, verdict, score,
  threshold, ver)
SELECT 'm', v, slice, 'shifts', field, starts, ends, 'input', 'covariate', 'psi', verdict, score, 0.2, 1 FROM seen
WHERE s = 0 OR hour = 1 OR verdict = 'BAD';
INSERT INTO drift_window (model, version, slice, monitor, window_start, window_end, method, ok, worst_field, worst,
  worst_threshold, fields, verdicts, scores, thresholds, sizes, ver)
SELECT 'm', v, slice, 'shifts', starts, ends, 'psi', count(), argMax(field, score), max(score), 0.2, groupArray(field),
  groupArray(verdict), groupArray(toNullable(score)), groupArray(toNullable(0.2)), groupArray(toUInt64(100)), 1
FROM seen WHERE s > 0 AND hour > 1 AND verdict != 'BAD' GROUP BY v, slice, starts, ends;
INSERT INTO drift (model, version, slice, monitor, field, window_start, window_end, axis, kind, method, verdict, score,
  threshold, ver)
VALUES ('odd', '<img src=x onerror=alert(1)>', '*', 'shifts', '<img src=x onerror=alert(1)>', '2026-03-02 20:00:00',
    '2026-03-02 20:01:00', 'input', 'covariate', 'psi', 'OK', NULL, NULL, 1),
  ('m', 'v2', '*', 'means', 'features.f1', '2026-03-02 20:00:00', '2026-03-02 20:01:00', 'input', 'covariate', 'sigma',
    'BAD', 9, 3, 1)
