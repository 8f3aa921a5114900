-- Has anything new been stored that a page shows?
SELECT
  (SELECT max(inserted_at) FROM progress) AS counted,
  (SELECT max(inserted_at) FROM control) AS said,
  (SELECT max(inserted_at) FROM evidence) AS proven,
  (SELECT max(inserted_at) FROM release) AS moved,
  (SELECT max(inserted_at) FROM command) AS commanded,
  (SELECT max(inserted_at) FROM triage_case) AS complained,
  (SELECT max(inserted_at) FROM triage_action) AS handled
