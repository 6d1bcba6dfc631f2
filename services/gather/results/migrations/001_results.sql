-- Archives of test results from their hand-over until some months later; due
-- while they have to be read. read_at is when that was done, tests and failed
-- what it found.
CREATE TABLE uploads (
	{{work_columns}},
	organization_id TEXT NOT NULL,
	project_id TEXT NOT NULL,
	pipeline_id TEXT NOT NULL,
	pipeline_number BIGINT NOT NULL,
	workflow_id TEXT NOT NULL,
	workflow_name TEXT NOT NULL,
	job_id TEXT NOT NULL,
	job_name TEXT NOT NULL,
	job_number BIGINT NOT NULL,
	task_index INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	revision TEXT NOT NULL,
	branch TEXT NOT NULL,
	kept_at BIGINT NOT NULL,
	read_at BIGINT,
	tests BIGINT NOT NULL,
	failed BIGINT NOT NULL
);
{{work_index "uploads"}}
CREATE INDEX uploads_job ON uploads (job_id);
CREATE INDEX uploads_branch ON uploads (project_id, job_name, branch, job_number) WHERE read_at IS NOT NULL;
CREATE INDEX uploads_name ON uploads (project_id, job_name, job_number) WHERE read_at IS NOT NULL;
CREATE INDEX uploads_revision ON uploads (project_id, revision);
CREATE INDEX uploads_kept ON uploads (kept_at);

-- A run of tests of an upload, compressed: how many, and how many of them did
-- not succeed or did only after a failure.
CREATE TABLE parts (
	upload_id TEXT NOT NULL,
	part INTEGER NOT NULL,
	tests INTEGER NOT NULL,
	failed INTEGER NOT NULL,
	flaked INTEGER NOT NULL,
	packed {{bytes}} NOT NULL,
	PRIMARY KEY (upload_id, part)
);

-- Seconds by file, class or name, compressed.
CREATE TABLE timings (
	upload_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	packed {{bytes}} NOT NULL,
	PRIMARY KEY (upload_id, kind)
);

-- Files that could not be read, or not to their end.
CREATE TABLE problems (
	upload_id TEXT NOT NULL,
	number INTEGER NOT NULL,
	file TEXT NOT NULL,
	message TEXT NOT NULL,
	PRIMARY KEY (upload_id, number)
);

-- A job of a project on a revision, by its name; due when tests of it have
-- come that may have flaked.
CREATE TABLE revisions (
	{{work_columns}},
	project_id TEXT NOT NULL,
	job_name TEXT NOT NULL,
	revision TEXT NOT NULL
);
{{work_index "revisions"}}

-- Tests that both succeeded and failed there, and where they failed last.
CREATE TABLE flakes (
	revision_id TEXT NOT NULL,
	test TEXT NOT NULL,
	project_id TEXT NOT NULL,
	name TEXT NOT NULL,
	classname TEXT NOT NULL,
	file TEXT NOT NULL,
	source TEXT NOT NULL,
	times INTEGER NOT NULL,
	wasted DOUBLE PRECISION NOT NULL,
	upload_id TEXT NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (revision_id, test)
);
CREATE INDEX flakes_project ON flakes (project_id, at);
CREATE INDEX flakes_at ON flakes (at);
