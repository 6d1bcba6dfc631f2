-- Attempts from Place until some days after their end; due while there is
-- something to do for them.
CREATE TABLE attempts (
	{{work_columns}},
	task TEXT NOT NULL,
	number BIGINT NOT NULL,
	executor TEXT NOT NULL,
	resource_class TEXT NOT NULL,
	state TEXT NOT NULL,
	allocation TEXT NOT NULL,
	node TEXT NOT NULL,
	waits TEXT NOT NULL,
	nonce TEXT NOT NULL,
	running BOOLEAN NOT NULL,
	purged BOOLEAN NOT NULL,
	status TEXT NOT NULL,
	reason TEXT NOT NULL,
	gone_kind TEXT NOT NULL,
	gone_reason TEXT NOT NULL,
	submitted_at BIGINT,
	started_at BIGINT,
	claimed_at BIGINT,
	stop_at BIGINT,
	gone_at BIGINT,
	ended_at BIGINT
);
{{work_index "attempts"}}
CREATE INDEX attempts_open ON attempts (id) WHERE state <> 'ended';
CREATE INDEX attempts_ended ON attempts (ended_at) WHERE ended_at IS NOT NULL;

-- The specs of attempts that have not ended.
CREATE TABLE specs (
	id TEXT PRIMARY KEY,
	spec TEXT NOT NULL
);

-- News on their way to the queue.
CREATE TABLE reports (
	{{work_columns}},
	report TEXT NOT NULL
);
{{work_index "reports"}}

-- Wishes and endings on their way to output.
CREATE TABLE notes (
	{{work_columns}},
	note TEXT NOT NULL
);
{{work_index "notes"}}
