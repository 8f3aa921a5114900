-- When was the newest item given that is stored? Signals are looked for in a time before it, whatever a clock says.
SELECT greatest(
  (SELECT max(ts) FROM feedback), (SELECT max(ts) FROM request), (SELECT max(at) FROM control)
) AS newest
