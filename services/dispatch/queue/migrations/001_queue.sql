-- Tasks from Enqueue until some days after their end.
CREATE TABLE tasks (
	id TEXT PRIMARY KEY,
	line TEXT NOT NULL,
	pool TEXT NOT NULL,
	organization TEXT NOT NULL,
	executor TEXT NOT NULL,
	resource_class TEXT NOT NULL,
	rank BIGINT NOT NULL,
	turn BIGINT NOT NULL,
	state TEXT NOT NULL,
	attempts BIGINT NOT NULL,
	attempt TEXT NOT NULL,
	canceled BOOLEAN NOT NULL,
	reason TEXT NOT NULL,
	waiting_since BIGINT,
	ended_at BIGINT
);

-- What a pass of the scheduler reads: the heads of lines, and what is released.
-- Ended tasks are in neither index, so their number costs nothing.
CREATE INDEX tasks_waiting ON tasks (line, rank, turn) WHERE state = 'waiting';
CREATE INDEX tasks_released ON tasks (pool, organization, state) WHERE state IN ('placed', 'running');
CREATE INDEX tasks_ended ON tasks (ended_at) WHERE ended_at IS NOT NULL;

-- One row per try; due while it has to be handed to placements or stopped.
CREATE TABLE attempts (
	{{work_columns}},
	task TEXT NOT NULL,
	number BIGINT NOT NULL,
	executor TEXT NOT NULL,
	resource_class TEXT NOT NULL,
	status TEXT NOT NULL,
	reason TEXT NOT NULL,
	placed BOOLEAN NOT NULL,
	stop BOOLEAN NOT NULL
);
{{work_index "attempts"}}
CREATE INDEX attempts_task ON attempts (task);

-- News on their way to the workflows service.
CREATE TABLE reports (
	{{work_columns}},
	report TEXT NOT NULL
);
{{work_index "reports"}}

-- Limits and turns of organizations; due while the name is not known.
CREATE TABLE organizations (
	{{work_columns}},
	name TEXT NOT NULL,
	sample TEXT NOT NULL,
	concurrency BIGINT NOT NULL,
	turn BIGINT NOT NULL
);
{{work_index "organizations"}}

-- The one row that a scheduling pass locks.
CREATE TABLE passes (
	id BIGINT PRIMARY KEY,
	number BIGINT NOT NULL
);
INSERT INTO passes (id, number) VALUES (1, 0);
