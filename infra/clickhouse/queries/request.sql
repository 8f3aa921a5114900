-- What belongs to one request: version, prompt, documents, tools, feedback, windows, verdicts, and what ended its version?
--
-- request        its request_id
-- model          the model that answered; '' for any: ids are the producers', and several models may have one
--
-- Needs the request log (`rollguard archive`); each part as long as its table keeps it. A row per fact, in parts:
-- `request`, `retrieval`, `tool` (of each attempt), `feedback`, `window` (those that its events counted in, of each
-- size, over its slices), `verdict` (as it stood when the request was made, on its version and slices), `ended` (the
-- first after it of: a rollback or kill of its version, or the promotion of another). `rollguard request` runs this
-- query.
WITH asked AS (
  SELECT * FROM request_latest WHERE request_id = {request:String} AND {model:String} IN ('', model)
)
SELECT part, at, name, detail
FROM (
  SELECT 1 AS place, a.model AS model, a.attempt AS attempt, 'request' AS part, a.ts AS at, told.1 AS name, told.2 AS detail
  FROM asked AS a
  ARRAY JOIN arrayFilter(each -> each.2 != '', [
    ('model', toString(a.model)),
    ('version', toString(a.version)),
    ('prompt_version', toString(a.prompt_version)),
    ('attempt', if(a.attempt = 0, '', toString(a.attempt))),
    ('mirrored', if(a.mirrored, 'yes', '')),
    ('slices', if(empty(a.dims), '', toString(a.dims))),
    ('endpoint', toString(a.endpoint)),
    ('team', toString(a.team)),
    ('user_id', a.user_id),
    ('session_id', a.session_id),
    ('trace_id', a.trace_id),
    ('error_type', toString(a.error_type)),
    ('finish_reason', toString(a.finish_reason)),
    ('latency_ms', ifNull(toString(a.latency_ms), '')),
    ('ttft_ms', ifNull(toString(a.ttft_ms), '')),
    ('input_tokens', ifNull(toString(a.input_tokens), '')),
    ('output_tokens', ifNull(toString(a.output_tokens), '')),
    ('cost_usd', ifNull(toString(a.cost_usd), '')),
    ('prediction', a.prediction),
    ('score', ifNull(toString(a.score), '')),
    ('flags', if(empty(a.flags), '', toString(a.flags))),
    ('metrics', if(empty(a.metrics), '', toString(a.metrics))),
    ('input', a.input),
    ('output', a.output),
    ('redacted', if(a.redacted = 0, '', toString(a.redacted))),
    ('place', concat(a.source, ' at ', toString(a.position), if(a.item = 0, '', concat(', item ', toString(a.item)))))
  ]) AS told
  UNION ALL
  SELECT 2, a.model, a.attempt, 'retrieval', a.ts, document.1, arrayStringConcat(arrayFilter(each -> each != '', [
    if(document.2 IS NULL, '', concat('score ', toString(document.2))),
    if(document.3 = '', '', concat('from ', document.3)),
    if(document.4 = '', '', concat('version ', document.4))
  ]), ', ')
  FROM asked AS a
  ARRAY JOIN arrayZip(a.retrieval_id, a.retrieval_score, a.retrieval_source, a.retrieval_version) AS document
  UNION ALL
  SELECT 3, a.model, a.attempt, 'tool', a.ts, tool.1, arrayStringConcat(arrayFilter(each -> each != '', [
    multiIf(tool.2 IS NULL, '', tool.2 = 1, 'went well', 'failed'),
    if(tool.3 IS NULL, '', concat(toString(tool.3), ' ms'))
  ]), ', ')
  FROM asked AS a
  ARRAY JOIN arrayZip(a.tool_name, a.tool_ok, a.tool_latency_ms) AS tool
  UNION ALL
  SELECT 4, f.model, 0, 'feedback', f.ts, concat(f.kind, if(f.name = '', '', concat(' ', f.name))),
    concat(f.value, if(f.source = '', '', concat(' by ', f.source)))
  FROM feedback_latest AS f
  WHERE f.request_id = {request:String} AND f.model IN (SELECT model FROM asked)
  UNION ALL
  SELECT 5, w.model, 0, 'window', min(w.window_end), concat(w.sli, ' of ', w.version, ', ', w.slice, ', ', toString(w.size_ms / 1000), ' s'),
    concat(
      toString(uniqExact(w.window_end)), if(uniqExact(w.window_end) = 1, ' window: ', ' windows, the first: '),
      toString(argMin(w.good, w.window_end)), ' good, ', toString(argMin(w.bad, w.window_end)), ' bad; ratio ',
      toString(round(min(w.ratio), 4)), if(min(w.ratio) = max(w.ratio), '', concat(' to ', toString(round(max(w.ratio), 4))))
    )
  FROM sli_window_latest AS w
  INNER JOIN asked AS a ON a.model = w.model AND if(a.mirrored, concat('__mirrored__/', a.version), a.version) = w.version
  WHERE w.window_start <= a.ts AND a.ts < w.window_end
    AND w.window_start >= (SELECT min(ts) FROM asked) - INTERVAL 31 DAY
    AND w.window_end <= (SELECT max(ts) FROM asked) + INTERVAL 31 DAY
    AND arrayAll((dimension, value) -> a.dims[dimension] = value, mapKeys(w.dims), mapValues(w.dims))
  GROUP BY w.model, w.sli, w.version, w.slice, w.size_ms
  UNION ALL
  SELECT 6, v.model, 0, 'verdict', v.at, concat(v.rule, if(v.sli = '', '', concat(' (', v.sli, ')')), ' of ', v.version, ', ', v.slice), toString(v.verdict)
  FROM verdict_latest AS v
  INNER JOIN asked AS a ON a.model = v.model
  WHERE v.version IN (if(a.mirrored, concat('__mirrored__/', a.version), a.version), '*')
    AND v.at <= a.ts
    AND arrayAll((dimension, value) -> a.dims[dimension] = value, mapKeys(v.dims), mapValues(v.dims))
  ORDER BY v.at DESC
  LIMIT 1 BY v.model, v.rule, v.sli, v.version, v.slice
  UNION ALL
  SELECT 7, c.model, 0, 'ended', c.at, toString(c.type), concat(
    if(c.version = a.version, '', concat(c.version, ' took over, ')),
    'by ', c.rule, if(c.pin = '', '', concat(', traffic to ', c.pin)), ', event ', c.id
  )
  FROM control_latest AS c
  INNER JOIN asked AS a ON a.model = c.model
  WHERE c.at > a.ts
    AND ((c.type IN ('rollback', 'kill') AND c.version = a.version) OR (c.type = 'promote' AND c.version != a.version))
  ORDER BY c.at
  LIMIT 1 BY a.model, a.version
)
ORDER BY place, model, at, attempt, name, detail
