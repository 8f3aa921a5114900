-- A release of so many slices over so many hours: all traffic by windows of 10 s and evidence by the
-- minute, slices by windows of 5 minutes and by 20 rows of evidence a day. `s` is the number of a slice, 0 all traffic.
INSERT INTO sli_window (model, version, slice, kind, size_ms, window_start, window_end, sli, good, bad, ratio, lower, upper, ver)
SELECT 'm', v, if(s = 0, '*', concat('user=u', toString(s))), 'sliding', 300000,
  toDateTime64('2026-03-02 00:00:00', 3, 'UTC') + INTERVAL (at_s - 300) SECOND,
  toDateTime64('2026-03-02 00:00:00', 3, 'UTC') + INTERVAL at_s SECOND, sli, 950, 50, 0.95, 0.93, 0.97, 1000
FROM (SELECT number * 10 AS at_s FROM numbers(HOURS * 360)) AS a,
  (SELECT arrayJoin(['v1', 'v2']) AS v) AS b,
  (SELECT arrayJoin(['availability', 'correct', 'fast']) AS sli) AS c,
  (SELECT number AS s FROM numbers(SLICES + 1)) AS d
WHERE s = 0 OR at_s % 300 = 0;
INSERT INTO evidence (model, version, slice, baseline, rule, sli, at, began, verdict, candidate_good, candidate_bad,
  baseline_good, baseline_bad, value, lower, upper, log_e, log_e_peak, needed_log_e, decides_in, ver)
SELECT 'm', 'v2', if(s = 0, '*', concat('user=u', toString(s))), 'v1', 'canary', sli,
  toDateTime64('2026-03-02 00:00:00', 3, 'UTC') + INTERVAL at_s SECOND, toDateTime64('2026-03-02 00:00:00', 3, 'UTC'),
  'INSUFFICIENT', 950, 50, 950, 50, 0.01, -0.1, 0.1, s / 1000, s / 1000, 4.1, 5000, 1
FROM (SELECT number * 60 AS at_s FROM numbers(HOURS * 60)) AS a,
  (SELECT arrayJoin(['availability', 'correct', 'fast']) AS sli) AS c,
  (SELECT number AS s FROM numbers(SLICES + 1)) AS d
WHERE s = 0 OR at_s % 4320 = 0;
INSERT INTO progress (shard, at, requests, late, ver)
SELECT 's1', toDateTime64('2026-03-02 00:00:00', 3, 'UTC') + INTERVAL number * 10 SECOND, 1000, 0, 1 FROM numbers(HOURS * 360);
INSERT INTO release (model, version, baseline, at, phase, began, ver)
SELECT 'm', 'v2', 'v1', toDateTime64('2026-03-02 00:00:10', 3, 'UTC'), 'rolling_out', toDateTime64('2026-03-02 00:00:00', 3, 'UTC'), 1
;
INSERT INTO measure_window (model, version, slice, kind, size_ms, window_start, window_end, measure, n, mean, p50, p90, p95, p99, max, ver)
SELECT 'm', v, if(s = 0, '*', concat('user=u', toString(s))), 'sliding', 300000,
  toDateTime64('2026-03-02 00:00:00', 3, 'UTC') + INTERVAL (at_s - 300) SECOND,
  toDateTime64('2026-03-02 00:00:00', 3, 'UTC') + INTERVAL at_s SECOND, measure, 1000, 1, 1, 2, 3, 4, 5, 1000
FROM (SELECT number * 10 AS at_s FROM numbers(HOURS * 360)) AS a,
  (SELECT arrayJoin(['v1', 'v2']) AS v) AS b,
  (SELECT arrayJoin(['latency_ms', 'cost_usd']) AS measure) AS c,
  (SELECT number AS s FROM numbers(SLICES + 1)) AS d
WHERE s = 0 OR at_s % 300 = 0;
INSERT INTO outcome_window (model, version, slice, kind, size_ms, window_start, window_end, requests, error_types, errors, ver)
SELECT 'm', v, if(s = 0, '*', concat('user=u', toString(s))), 'tumbling', 60000,
  toDateTime64('2026-03-02 00:00:00', 3, 'UTC') + INTERVAL (minute - 1) MINUTE,
  toDateTime64('2026-03-02 00:00:00', 3, 'UTC') + INTERVAL minute MINUTE, 1000, ['500', 'timeout'], [10, 40], 1000
FROM (SELECT number + 1 AS minute FROM numbers(HOURS * 60)) AS a,
  (SELECT arrayJoin(['v1', 'v2']) AS v) AS b,
  (SELECT number AS s FROM numbers(SLICES + 1)) AS d
WHERE s = 0 OR minute % 5 = 0;
INSERT INTO drift (model, version, slice, monitor, field, window_start, window_end, axis, kind, method, verdict, score, threshold, ver)
SELECT 'm', v, if(s = 0, '*', concat('region=r', toString(s))), 'inputs', concat('features.f', toString(f)),
  toDateTime64('2026-03-02 00:00:00', 3, 'UTC') + INTERVAL (five - 1) * 5 MINUTE,
  toDateTime64('2026-03-02 00:00:00', 3, 'UTC') + INTERVAL five * 5 MINUTE, 'input', 'covariate', 'psi',
  if(f = 3 AND s = 2 AND v = 'v2', 'BAD', 'OK'), 0.01 * f, 0.2, 1
FROM (SELECT number + 1 AS five FROM numbers(HOURS * 12)) AS a,
  (SELECT arrayJoin(['v1', 'v2']) AS v) AS b,
  (SELECT number AS f FROM numbers(12)) AS c,
  (SELECT number AS s FROM numbers(10)) AS d;
INSERT INTO control (model, version, id, revision, type, state, at, rule, severity, slices, evidence, sentence, runbook, ver)
SELECT 'm', 'v2', toString(number), number + 1, if(number = 0, 'hold', 'alert'), 'firing',
  toDateTime64('2026-03-02 01:00:00', 3, 'UTC') + INTERVAL number MINUTE, 'canary', 'page',
  '[{"slice":"user=u1800"}]', '{}', repeat('What is said of it. ', 20), 'infra/runbooks/rollback.md', number + 1
FROM numbers(50)
