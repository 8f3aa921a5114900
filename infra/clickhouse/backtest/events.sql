-- The requests of one source as the events they came as, in the order of its log.
--
-- A prediction that is written as numbers are comes as one: what was sent as a text "1" cannot be told from 1, "007" can. Features and embeddings
-- are not in the log.
SELECT
  r.request_id AS request_id,
  toUnixTimestamp64Milli(r.ts) AS ts,
  r.model AS model,
  r.version AS version,
  nullIf(r.attempt, 0) AS attempt,
  toBool(r.mirrored) AS mirrored,
  r.dims AS slices,
  nullIf(toString(r.error_type), '') AS error_type,
  r.latency_ms AS latency_ms,
  r.ttft_ms AS ttft_ms,
  r.input_tokens AS input_tokens,
  r.output_tokens AS output_tokens,
  r.cost_usd AS cost_usd,
  multiIf(
    r.prediction = '', NULL,
    r.prediction IN ('true', 'false'), toBool(r.prediction = 'true'),
    isFinite(toFloat64OrNull(r.prediction)) AND match(r.prediction, '^-?(0|[1-9][0-9]*)([.][0-9]*[1-9])?(e[+-]?[0-9]+)?$'),
    toFloat64OrNull(r.prediction),
    r.prediction
  ) AS prediction,
  r.score AS score,
  r.metrics AS metrics,
  r.flags AS flags,
  nullIf(toString(r.prompt_version), '') AS prompt_version,
  nullIf(toString(r.endpoint), '') AS endpoint,
  nullIf(toString(r.team), '') AS team,
  nullIf(r.session_id, '') AS session_id,
  nullIf(r.user_id, '') AS user_id
FROM request AS r FINAL
WHERE r.source = {source:String} AND r.ts >= {from:DateTime64(3, 'UTC')} AND r.ts < {to:DateTime64(3, 'UTC')}
ORDER BY r.position, r.item
SETTINGS use_variant_as_common_type = 1
