-- One try at a task. The columns of work make it the sealer's: due_at is set
-- when it ends. phase is the sealer's state, drawn in seal.go. bytes is what
-- its streams keep. event_tail is a line of the event stream whose end has not
-- come yet.
CREATE TABLE attempts (
	{{work_columns}},
	task_id TEXT NOT NULL DEFAULT '',
	number INTEGER NOT NULL DEFAULT 0,
	allocation_id TEXT NOT NULL DEFAULT '',
	agent_version TEXT NOT NULL DEFAULT '',
	host TEXT NOT NULL DEFAULT '',
	bundle TEXT NOT NULL DEFAULT '',
	status TEXT NOT NULL,
	reason TEXT NOT NULL DEFAULT '',
	stop TEXT NOT NULL DEFAULT '',
	phase TEXT NOT NULL DEFAULT '',
	object TEXT NOT NULL DEFAULT '',
	bytes BIGINT NOT NULL DEFAULT 0,
	event_tail {{bytes}},
	claimed_at BIGINT,
	seen_at BIGINT,
	ended_at BIGINT
);
{{work_index "attempts"}}
CREATE INDEX attempts_task ON attempts (task_id, number);

-- Task tokens, as SHA-256 in hexadecimal.
CREATE TABLE tokens (
	hash TEXT PRIMARY KEY,
	attempt_id TEXT NOT NULL,
	allocation_id TEXT NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE INDEX tokens_attempt ON tokens (attempt_id);

-- bytes is the length that is acknowledged, kept the length that can be read;
-- they differ only when cut, which is when a limit was reached. frames are the
-- lengths of the compressed pieces in the attempt's object, as uvarints, and
-- object_at is where in it the first one begins.
CREATE TABLE streams (
	attempt_id TEXT NOT NULL,
	stream INTEGER NOT NULL,
	bytes BIGINT NOT NULL,
	kept BIGINT NOT NULL,
	cut BOOLEAN NOT NULL DEFAULT FALSE,
	object_at BIGINT NOT NULL DEFAULT 0,
	frames {{bytes}},
	PRIMARY KEY (attempt_id, stream)
);

CREATE TABLE steps (
	attempt_id TEXT NOT NULL,
	number INTEGER NOT NULL,
	name TEXT NOT NULL,
	command TEXT NOT NULL,
	kind TEXT NOT NULL,
	background BOOLEAN NOT NULL,
	status TEXT NOT NULL,
	exit_code INTEGER,
	error TEXT NOT NULL,
	truncated BOOLEAN NOT NULL,
	started_at BIGINT,
	stopped_at BIGINT,
	PRIMARY KEY (attempt_id, number)
);

-- Bytes [start, start+size) of a stream; packed says that data is an S2 block.
CREATE TABLE chunks (
	attempt_id TEXT NOT NULL,
	stream INTEGER NOT NULL,
	start BIGINT NOT NULL,
	size INTEGER NOT NULL,
	packed BOOLEAN NOT NULL,
	data {{bytes}} NOT NULL,
	PRIMARY KEY (attempt_id, stream, start)
);

-- The outbox to placements. The id is the attempt and "running" or "ended".
CREATE TABLE reports (
	{{work_columns}},
	attempt_id TEXT NOT NULL,
	status TEXT NOT NULL,
	reason TEXT NOT NULL,
	out_of_memory BOOLEAN NOT NULL DEFAULT FALSE,
	at BIGINT NOT NULL
);
{{work_index "reports"}}
