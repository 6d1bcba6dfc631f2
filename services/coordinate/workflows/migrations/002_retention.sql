-- Workflows by their end, for those whose time is over, and approvals that wait.
CREATE INDEX workflows_stopped ON workflows (stopped_at) WHERE stopped_at IS NOT NULL;
CREATE INDEX jobs_on_hold ON jobs (id) WHERE status = 'on_hold';

-- When a pipeline was marked canceled: one that never gets a workflow has no
-- other time.
ALTER TABLE pipelines ADD COLUMN canceled_at BIGINT;
