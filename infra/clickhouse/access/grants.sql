-- Who may do what in database rollguard; SECURITY.md says why. An administrator runs it once, and again after changes:
--   clickhouse-client --multiquery --queries-file infra/clickhouse/access/grants.sql
-- It is no migration: the worker has no right to give rights. Another database, or a cluster: replace "rollguard." and
-- add ON CLUSTER 'name' to each statement.

-- Makes and changes the tables: `rollguard migrate`, before a new version of the worker starts.
CREATE ROLE IF NOT EXISTS rollguard_migrator;
GRANT CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP TABLE, DROP VIEW, ALTER TABLE, ALTER VIEW ON rollguard.* TO rollguard_migrator;
GRANT SELECT, INSERT ON rollguard.* TO rollguard_migrator;

-- The worker: writes rows, and looks whether the tables are those that it knows. It reads no rows, changes none, and
-- drops none.
CREATE ROLE IF NOT EXISTS rollguard_writer;
GRANT INSERT ON rollguard.* TO rollguard_writer;
GRANT SELECT ON rollguard.schema_versions TO rollguard_writer;

-- `rollguard enrich`: it writes dead letters, and looks requests up. Give it to a user of its own.
CREATE ROLE IF NOT EXISTS rollguard_enricher;
GRANT INSERT ON rollguard.dead_letter TO rollguard_enricher;
GRANT SELECT ON rollguard.request TO rollguard_enricher;
GRANT SELECT ON rollguard.schema_versions TO rollguard_enricher;

-- `rollguard evaluate --reported`: it reads texts of requests, and what users said of them. Give it to a user of its own.
CREATE ROLE IF NOT EXISTS rollguard_evaluator;
GRANT SELECT ON rollguard.request TO rollguard_evaluator;
GRANT SELECT ON rollguard.request_latest TO rollguard_evaluator;
GRANT SELECT ON rollguard.feedback TO rollguard_evaluator;
GRANT SELECT ON rollguard.feedback_latest TO rollguard_evaluator;
GRANT SELECT ON rollguard.schema_versions TO rollguard_evaluator;

-- `rollguard triage`, `evals` and `gate`, of people who may read what users wrote: they add rows to these tables alone.
CREATE ROLE IF NOT EXISTS rollguard_triager;
GRANT SELECT ON rollguard.* TO rollguard_triager;
REVOKE SELECT ON rollguard.dead_letter FROM rollguard_triager;
GRANT INSERT ON rollguard.triage_case TO rollguard_triager;
GRANT INSERT ON rollguard.triage_action TO rollguard_triager;
GRANT INSERT ON rollguard.eval_case TO rollguard_triager;
GRANT INSERT ON rollguard.eval_set TO rollguard_triager;
GRANT INSERT ON rollguard.eval_result TO rollguard_triager;

-- People, dashboards, `rollguard sql` and `rollguard reference build --store`. readonly = 2: no writes, and settings of
-- a query within these bounds; 1 would refuse the settings that every client sends.
CREATE SETTINGS PROFILE IF NOT EXISTS rollguard_reader SETTINGS readonly = 2 READONLY, max_execution_time = 60 MIN 1 MAX 600, max_memory_usage = 4000000000 MAX 8000000000;
CREATE ROLE IF NOT EXISTS rollguard_reader SETTINGS PROFILE 'rollguard_reader';
GRANT SELECT ON rollguard.* TO rollguard_reader;
-- Not for everybody: dead letters, the request log, cases and tests hold what users wrote, as far as the policy keeps it.
REVOKE SELECT ON rollguard.dead_letter FROM rollguard_reader;
REVOKE SELECT ON rollguard.request FROM rollguard_reader;
REVOKE SELECT ON rollguard.triage_case FROM rollguard_reader;
REVOKE SELECT ON rollguard.eval_case FROM rollguard_reader;
REVOKE SELECT ON rollguard.eval_result FROM rollguard_reader;

-- `rollguard page`: what readers may see, and what it shows beside: why messages were refused, the story of one request,
-- cases without their texts. Leave out the last two grants where those who look may not see that: /health and /request
-- then say so. Of tests and answers it shows nothing.
CREATE SETTINGS PROFILE IF NOT EXISTS rollguard_page SETTINGS readonly = 2 READONLY, max_execution_time = 5 MIN 1 MAX 10, max_memory_usage = 1073741824 MAX 2000000000;
CREATE ROLE IF NOT EXISTS rollguard_page SETTINGS PROFILE 'rollguard_page';
GRANT SELECT ON rollguard.* TO rollguard_page;
REVOKE SELECT ON rollguard.dead_letter FROM rollguard_page;
REVOKE SELECT ON rollguard.request FROM rollguard_page;
REVOKE SELECT ON rollguard.eval_case FROM rollguard_page;
REVOKE SELECT ON rollguard.eval_result FROM rollguard_page;
GRANT SELECT ON rollguard.dead_letter TO rollguard_page;
GRANT SELECT ON rollguard.request TO rollguard_page;

-- Then a user of each, for instance:
--   CREATE USER rollguard_worker IDENTIFIED WITH sha256_password BY '...' HOST IP '10.0.0.0/8' DEFAULT ROLE rollguard_writer;
--   GRANT rollguard_writer TO rollguard_worker;
