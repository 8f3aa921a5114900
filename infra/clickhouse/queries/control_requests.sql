-- Which failing requests are behind a control event?
--
-- event          the id of the control event
-- within_s       how long before the event to look, in seconds, if the onset of the harm is unknown
-- low            a judge's or user's score below this is a failure
-- limit          how many requests at most
--
-- Needs the request log (`rollguard archive`). Requests of the event's version with an error, or with feedback that
-- differs from the prediction or is below `low`, from the onset of the harm to the event, in the slices that it names;
-- newest first.
SELECT
  r.ts AS ts,
  r.request_id AS request_id,
  r.dims AS dims,
  r.error_type AS error_type,
  r.prediction AS prediction,
  f.label AS label,
  f.lowest AS lowest_score,
  r.prompt_version AS prompt_version,
  r.input AS input,
  r.output AS output
FROM request_latest AS r
INNER JOIN (
  SELECT model, version, at, ifNull(onset, at - toIntervalSecond({within_s:UInt32})) AS began,
    arrayMap(each -> JSONExtractString(each, 'slice'), JSONExtractArrayRaw(slices)) AS named
  FROM control_latest
  WHERE id = {event:String}
) AS c ON c.model = r.model AND c.version = r.version
LEFT JOIN (
  SELECT
    model,
    request_id,
    argMaxIf(value, ts, kind = 'label') AS label,
    countIf(kind = 'label') > 0 AS labelled,
    argMaxIf(prediction, ts, kind = 'label') AS predicted,
    minIf(value_number, kind IN ('judge', 'thumbs')) AS lowest
  FROM feedback_latest
  GROUP BY model, request_id
) AS f ON f.model = r.model AND f.request_id = r.request_id
WHERE r.ts >= c.began AND r.ts < c.at
  AND NOT r.mirrored
  AND (r.error_type != '' OR (f.labelled AND f.label != if(f.predicted = '', r.prediction, f.predicted)) OR f.lowest < {low:Float64})
  AND (empty(c.named) OR arrayExists(
    slice -> slice = '*' OR arrayAll(
      part -> has(arrayMap((name, value) -> concat(name, '=', value), mapKeys(r.dims), mapValues(r.dims)), part),
      splitByChar(',', slice)
    ),
    c.named
  ))
ORDER BY ts DESC, request_id
LIMIT {limit:UInt32}
