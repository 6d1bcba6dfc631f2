-- Whose steps changed lately, for those who follow a pipeline: told_at is when
-- the agent last said something of its steps, or the attempt began or ended.
ALTER TABLE attempts ADD COLUMN pipeline_id TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN told_at BIGINT;
CREATE INDEX attempts_told ON attempts (pipeline_id, told_at);
