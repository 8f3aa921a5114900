-- Which cases are meant? What became of each whose id begins with one of some texts, or that is about one of these requests.
--
-- names          beginnings of ids of cases, or ids of requests
-- length_min     of a beginning, in characters
SELECT *
FROM triage_board
WHERE arrayExists(name -> length(name) >= {length_min:UInt8} AND startsWith(id, name), {names:Array(String)}) OR has({names:Array(String)}, request_id)
ORDER BY first_signal, id
