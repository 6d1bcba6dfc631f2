-- What an attempt is, as placements said at its claim, for what it keeps: a JSON
-- text that is read whole. It goes with the attempt's tokens.
CREATE TABLE archive_tasks (
	attempt_id TEXT PRIMARY KEY,
	scope TEXT NOT NULL
);

-- What tasks keep: caches, layers of workspaces, artifacts, test results. The
-- state is drawn in archive/row.go; the columns of work make it the sweeper's.
-- status is the attempt's, from when its own row need not be there any more.
-- secret is sealed. parts has 48 bytes for each. key_sum is the SHA-256 of
-- cache_key, which may be too long for an index.
CREATE TABLE archives (
	{{work_columns}},
	state TEXT NOT NULL,
	kind TEXT NOT NULL,
	organization_id TEXT NOT NULL,
	project_id TEXT NOT NULL,
	workflow_id TEXT NOT NULL,
	job_id TEXT NOT NULL,
	job_name TEXT NOT NULL,
	task_id TEXT NOT NULL,
	task_index INTEGER NOT NULL,
	attempt_id TEXT NOT NULL,
	attempt INTEGER NOT NULL,
	status TEXT NOT NULL DEFAULT '',
	step INTEGER NOT NULL,
	fork TEXT NOT NULL DEFAULT '',
	cache_key TEXT NOT NULL DEFAULT '',
	key_sum TEXT NOT NULL DEFAULT '',
	digest TEXT NOT NULL DEFAULT '',
	plain BIGINT NOT NULL DEFAULT 0,
	stored BIGINT NOT NULL DEFAULT 0,
	files INTEGER NOT NULL DEFAULT 0,
	begun_at BIGINT NOT NULL,
	committed_at BIGINT,
	expires_at BIGINT,
	removed_at BIGINT,
	secret TEXT NOT NULL,
	parts {{bytes}}
);
{{work_index "archives"}}
CREATE INDEX archives_attempt ON archives (attempt_id);
CREATE INDEX archives_job ON archives (job_id);
CREATE UNIQUE INDEX archives_key ON archives (project_id, fork, key_sum) WHERE kind = 'cache' AND state = 'committed';
CREATE INDEX archives_newest ON archives (project_id, fork, committed_at) WHERE kind = 'cache' AND state = 'committed';

-- One file of an archive of artifacts: size bytes at start of its plain bytes.
CREATE TABLE artifacts (
	attempt_id TEXT NOT NULL,
	path TEXT NOT NULL,
	archive_id TEXT NOT NULL,
	start BIGINT NOT NULL,
	size BIGINT NOT NULL,
	sha256 TEXT NOT NULL,
	PRIMARY KEY (attempt_id, path)
);
CREATE INDEX artifacts_archive ON artifacts (archive_id);
