-- The requests that users complain of and no evaluator has judged, as events with their texts as the request log keeps them.
--
-- since    requests made at this time or later, UTC
-- down     words that are a thumb down
-- most     of a model at most so many, the newest
--
-- Of several answers to one request each is one. Needs the request log, with texts; models that are evaluators are left out.
SELECT
  r.request_id AS request_id,
  toUnixTimestamp64Milli(r.ts) AS ts,
  r.model AS model,
  r.version AS version,
  nullIf(r.attempt, 0) AS attempt,
  toBool(r.mirrored) AS mirrored,
  r.dims AS slices,
  nullIf(toString(r.prompt_version), '') AS prompt_version,
  r.input AS input,
  r.output AS output,
  arrayMap(name -> map('id', name), arrayFilter(name -> name != '', r.retrieval_id)) AS retrieval
FROM request_latest AS r
WHERE r.ts >= {since:DateTime64(3, 'UTC')} AND r.output != '' AND NOT startsWith(r.model, 'judge:')
  AND (r.model, r.request_id) IN (
    SELECT model, request_id FROM feedback_latest
    WHERE ifNull(request_ts, ts) >= {since:DateTime64(3, 'UTC')} AND (kind = 'report' OR (kind = 'thumbs'
      AND if(value_number IS NULL, has({down:Array(String)}, lower(value)), value_number <= 0)))
  )
  AND (r.model, r.request_id) NOT IN (SELECT model, request_id FROM feedback_latest WHERE kind IN ('judge', 'safety') AND sample != '')
ORDER BY r.ts DESC, r.request_id
LIMIT {most:UInt32} BY r.model
