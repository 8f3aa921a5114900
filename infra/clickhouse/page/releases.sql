-- Where did each release stand at a moment?
--
-- model          of which model; '' = of all
-- at             the moment, UTC, event time
--
-- `entered` is when the release entered its present phase, or was held if it is under way; forgotten releases are left
-- out.
SELECT
  model,
  version,
  now.3 AS baseline,
  now.4 AS phase_now,
  story[arrayLastIndex(each -> each.2 != now.2, story) + 1].1 AS entered,
  now.1 AS changed,
  now.5 AS began_at,
  now.6 AS declared_at,
  now.7 AS declared_by,
  now.8 AS share,
  now.9 AS said,
  now.10 AS held_by,
  now.11 AS is_throttled,
  now.12 AS policy_hash
FROM (
  SELECT
    r.model AS model,
    r.version AS version,
    arraySort(each -> each.1, groupArray((
      r.at, if(r.phase = 'rolling_out' AND notEmpty(r.holds), 'held', r.phase), r.baseline, r.phase, r.began, r.declared,
      r.by, r.traffic_share, r.metadata, r.holds, r.throttled, r.policy
    ))) AS story,
    story[-1] AS now
  FROM release AS r
  WHERE r.at <= {at:DateTime64(3, 'UTC')} AND ({model:String} = '' OR r.model = {model:String})
  GROUP BY model, version
)
WHERE phase_now != 'forgotten'
ORDER BY model, changed DESC, version
