-- setup: the pipeline began with a setup config. continued: a job of it gave the
-- config that does the work.
ALTER TABLE pipelines ADD COLUMN setup BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE pipelines ADD COLUMN continued BOOLEAN NOT NULL DEFAULT FALSE;

-- One row for each setup pipeline: the key that continues it, and once that has
-- happened, with what. The key is never stored in plain: key_hash finds the row,
-- key_sealed is opened for the jobs of the setup workflow. declared are the
-- parameters of the setup config; digest names what came, "" for nothing yet.
CREATE TABLE continuations (
	pipeline_id TEXT PRIMARY KEY,
	key_hash TEXT NOT NULL,
	key_sealed TEXT NOT NULL,
	declared TEXT NOT NULL,
	expires_at BIGINT NOT NULL,
	digest TEXT NOT NULL,
	config TEXT NOT NULL,
	parameters TEXT NOT NULL,
	compiled TEXT NOT NULL,
	workflows TEXT NOT NULL
);
CREATE UNIQUE INDEX continuations_key ON continuations (key_hash);
