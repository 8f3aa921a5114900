-- What says that a request went wrong? A row per signal and request, since a time.
--
-- since          signals given at this time or later, UTC
-- kinds          kinds of feedback that always make a case
-- judged         1 = low scores of judges, 1 = thumbs down, 1 = safety feedback, 1 = contracts, 1 = control events
-- criteria, lows what is low, by criterion; low = of all others
-- unsafe_from    safety feedback of this value or more
-- flags, errors  flags and error types that make cases
SELECT kind, name, model, version, dims, request_id, ts AS at, ifNull(request_ts, ts) AS asked, value, source
FROM feedback_latest
WHERE ts >= {since:DateTime64(3, 'UTC')} AND (
  kind IN {kinds:Array(String)}
  OR ({judged:UInt8} AND kind = 'judge' AND value_number <= if(
    has({criteria:Array(String)}, name), {lows:Array(Float64)}[indexOf({criteria:Array(String)}, name)], {low:Float64}
  ))
  OR ({thumbs:UInt8} AND kind = 'thumbs'
    AND if(value_number IS NULL, lower(value) IN ('down', 'no', 'bad', 'false', 'negative'), value_number <= 0))
  OR ({safety:UInt8} AND kind = 'safety'
    AND if(value_number IS NULL, lower(value) NOT IN ('', 'safe', 'ok', 'none', 'no', 'false'), if(
      has({criteria:Array(String)}, name),
      value_number <= {lows:Array(Float64)}[indexOf({criteria:Array(String)}, name)],
      value_number >= {unsafe_from:Float64})))
)
UNION ALL
SELECT 'flag', arrayJoin(arrayFilter(flag -> has({flags:Array(String)}, flag), flags)) AS name,
  model, version, dims, request_id, ts, ts, '', ''
FROM request_latest
WHERE ts >= {since:DateTime64(3, 'UTC')} AND hasAny(flags, {flags:Array(String)}) AND NOT mirrored
UNION ALL
SELECT 'error', error_type, model, version, dims, request_id, ts, ts, '', ''
FROM request_latest
WHERE ts >= {since:DateTime64(3, 'UTC')} AND has({errors:Array(String)}, error_type) AND NOT mirrored
UNION ALL
SELECT 'contract', field, model, version, dims, arrayJoin(JSONExtract(requests, 'Array(String)')), window_end, window_end, '', monitor
FROM drift_latest
WHERE {contracts:UInt8} AND window_end >= {since:DateTime64(3, 'UTC')} AND verdict = 'BAD' AND requests NOT IN ('', '[]')
UNION ALL
SELECT 'control', rule, model, version, map(), arrayJoin(requests), c.at, c.at, '', type
FROM control_latest AS c
WHERE {control:UInt8} AND c.at >= {since:DateTime64(3, 'UTC')} AND c.state = 'firing' AND notEmpty(c.requests)
