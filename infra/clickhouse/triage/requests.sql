-- What was asked and answered in some requests: all attempts, copies and models that the request log has of them.
--
-- ids            the requests
SELECT model, version, request_id, ts, dims, user_id, trace_id, prompt_version, prediction, input, output, attempt, mirrored
FROM request_latest
WHERE request_id IN {ids:Array(String)}
