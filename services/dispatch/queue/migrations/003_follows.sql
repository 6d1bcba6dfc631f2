-- Jobs of which one task waits for the others while it runs: job is set on all of
-- their tasks, and follows on that one.
ALTER TABLE tasks ADD COLUMN job TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN follows BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX tasks_job ON tasks (job) WHERE job <> '';
