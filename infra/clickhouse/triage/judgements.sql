-- Why did judges say what they said of a request?
--
-- model, request which one
-- since          when it was made, UTC: judgements come later, but for clocks
SELECT ts AS at, kind, name, value, source, reason
FROM feedback_latest
WHERE model = {model:String} AND kind IN ('judge', 'safety') AND ts >= {since:DateTime64(3, 'UTC')} - INTERVAL 1 HOUR
  AND request_id = {request:String} AND reason != ''
ORDER BY ts, kind, name, source
