-- What is to be looked at first? A row per case: unsafe answers first, then by priority.
--
-- model          of which model; '' = of all
-- cluster        of which cluster; '' = of all
-- status         in which states
-- back           1 = only cases that came back after a conversion
SELECT *
FROM triage_board
WHERE ({model:String} = '' OR model = {model:String})
  AND ({cluster:String} = '' OR cluster = {cluster:String})
  AND has({status:Array(String)}, status)
  AND (NOT {back:UInt8} OR regressed != '')
ORDER BY unsafe DESC, priority DESC, first_signal, id
