-- How did the success ratios of each version move?
--
-- model          of which model; '' = of all
-- slice          of which slice, '*' = all traffic
-- slis           which; none = all
-- from, to       windows that end in (from, to], UTC, event time
-- step_s         seconds between two points
--
-- Of the sliding windows of each model's policy the one nearest to five minutes. Windows with fewer than 20 events say nothing and are
-- left out; a window that was stored again has more events, so the newest row counts. Not under repeated looks: `lower` and `upper` are of one look at a time.
SELECT
  w.model AS model,
  w.sli AS sli,
  w.version AS version,
  w.window_end AS at,
  w.good AS good,
  w.bad AS bad,
  w.ratio AS ratio,
  w.lower AS lower,
  w.upper AS upper
FROM sli_window AS w
WHERE ({model:String} = '' OR w.model = {model:String})
  AND (empty({slis:Array(String)}) OR w.sli IN {slis:Array(String)})
  AND w.slice = {slice:String}
  AND w.kind = 'sliding'
  AND (w.model, w.size_ms) IN (
    SELECT model, argMin(size_ms, abs(toInt64(size_ms) - 300000)) FROM sli_window
    WHERE kind = 'sliding' AND window_end > {from:DateTime64(3, 'UTC')} AND window_end <= {to:DateTime64(3, 'UTC')}
      AND ({model:String} = '' OR model = {model:String}) AND slice = {slice:String}
    GROUP BY model
  )
  AND w.window_end > {from:DateTime64(3, 'UTC')}
  AND w.window_end <= {to:DateTime64(3, 'UTC')}
  AND toUnixTimestamp(w.window_end) % {step_s:UInt32} = 0
  AND w.good + w.bad >= 20
  AND NOT startsWith(w.version, '__mirrored__/')
ORDER BY model, sli, version, at, w.ver DESC
LIMIT 1 BY model, sli, version, at
