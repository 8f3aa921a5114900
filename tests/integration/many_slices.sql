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
