-- Where did each release stand at a moment?
--
-- model          of which model; '' = of all
-- at             the moment, UTC, event time
--
-- `entered` is when it came into the phase it is in, or when a release under way came to be held; releases that nobody remembers any more are left out.
SELECT
  r.model AS model,
  r.version AS version,
  argMax(r.baseline, r.at) AS baseline,
  argMax(r.phase, r.at) AS phase_now,
  minIf(r.at, r.at > r.was_other AND r.stands = r.last_stands) AS entered,
  max(r.at) AS changed,
  argMax(r.began, r.at) AS began_at,
  argMax(r.declared, r.at) AS declared_at,
  argMax(r.by, r.at) AS declared_by,
  argMax(r.traffic_share, r.at) AS share,
  argMax(r.metadata, r.at) AS said,
  argMax(r.holds, r.at) AS held_by,
  argMax(r.throttled, r.at) AS is_throttled,
  argMax(r.policy, r.at) AS policy_hash
FROM (
  SELECT *, maxIf(at, stands != last_stands) OVER (PARTITION BY model, version) AS was_other
  FROM (
    SELECT *, if(phase = 'rolling_out' AND notEmpty(holds), 'held', phase) AS stands, last_value(stands) OVER whole AS last_stands
    FROM release_latest
    WHERE at <= {at:DateTime64(3, 'UTC')} AND ({model:String} = '' OR model = {model:String})
    WINDOW whole AS (PARTITION BY model, version ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
  )
) AS r
GROUP BY model, version
HAVING phase_now != 'forgotten'
ORDER BY model, changed DESC, version
