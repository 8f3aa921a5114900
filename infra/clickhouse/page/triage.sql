-- Which cases are to be looked at, the worst first?
--
-- model          of which model; '' = of all
-- at             only cases that were known at this moment, UTC, event time
--
-- One case of each cluster, as it stands now: unsafe answers first, then by priority. Without the texts of requests.
SELECT
  b.model AS model,
  b.version AS version,
  b.id AS id,
  b.request_id AS request_id,
  b.slice AS slice,
  b.reason AS reason,
  b.unsafe AS unsafe,
  b.status AS status,
  b.owner AS owner,
  b.root_cause AS root_cause,
  b.size AS size,
  b.first_signal AS first_signal,
  b.regressed AS regressed,
  b.priority AS priority
FROM triage_board AS b
WHERE ({model:String} = '' OR b.model = {model:String})
  AND b.status IN ('open', 'claimed', 'labelled')
  AND b.first_signal <= {at:DateTime64(3, 'UTC')}
ORDER BY unsafe DESC, priority DESC, first_signal, id
LIMIT 1 BY b.model, b.cluster
LIMIT 200
