-- What the workflows service knows of pipelines: the context that every task of
-- theirs needs, and whether one was canceled, also before any workflow came.
-- Its row is the lock between creating a pipeline's workflows and canceling them.
CREATE TABLE pipelines (
	id TEXT PRIMARY KEY,
	canceled BOOLEAN NOT NULL DEFAULT FALSE,
	context TEXT NOT NULL DEFAULT ''
);

-- Whoever changes a job holds its workflow's row.
CREATE TABLE workflows (
	id TEXT PRIMARY KEY,
	pipeline_id TEXT NOT NULL,
	pipeline_number BIGINT NOT NULL,
	position INTEGER NOT NULL,
	organization_id TEXT NOT NULL,
	concurrency INTEGER NOT NULL,
	project_id TEXT NOT NULL,
	project_slug TEXT NOT NULL,
	branch TEXT NOT NULL,
	name TEXT NOT NULL,
	status TEXT NOT NULL,
	tally TEXT NOT NULL,
	started_by TEXT NOT NULL,
	cancel_asked BOOLEAN NOT NULL,
	canceled_by TEXT NOT NULL,
	errored_by TEXT NOT NULL,
	rerun_of TEXT NOT NULL,
	supersedes BOOLEAN NOT NULL,
	redundant BOOLEAN NOT NULL,
	created_at BIGINT NOT NULL,
	stopped_at BIGINT
);
CREATE INDEX workflows_pipeline ON workflows (pipeline_id);
CREATE INDEX workflows_newest ON workflows (project_id, branch, pipeline_number) WHERE supersedes;
CREATE INDEX workflows_open ON workflows (project_id, branch, pipeline_number) WHERE stopped_at IS NULL;

CREATE TABLE jobs (
	id TEXT PRIMARY KEY,
	workflow_id TEXT NOT NULL,
	idx INTEGER NOT NULL,
	pipeline_id TEXT NOT NULL,
	project_id TEXT NOT NULL,
	name TEXT NOT NULL,
	type TEXT NOT NULL,
	executor TEXT NOT NULL,
	resource_class TEXT NOT NULL,
	parallelism INTEGER NOT NULL,
	approval_id TEXT NOT NULL,
	origin_id TEXT NOT NULL,
	copied BOOLEAN NOT NULL,
	status TEXT NOT NULL,
	number BIGINT NOT NULL,
	unmet INTEGER NOT NULL,
	open_tasks INTEGER NOT NULL,
	outcome TEXT NOT NULL,
	outcome_reason TEXT NOT NULL,
	reason TEXT NOT NULL,
	approved_by TEXT NOT NULL,
	cancel_asked BOOLEAN NOT NULL,
	canceled_by TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	queued_at BIGINT,
	started_at BIGINT,
	stopped_at BIGINT
);
CREATE UNIQUE INDEX jobs_place ON jobs (workflow_id, idx);
CREATE UNIQUE INDEX jobs_number ON jobs (project_id, number) WHERE number > 0 AND NOT copied;
CREATE UNIQUE INDEX jobs_approval ON jobs (approval_id) WHERE approval_id <> '';

-- What of a job never changes and may be large, so that a change of status does
-- not rewrite it. The links are lists of [place of the other job, statuses].
CREATE TABLE job_plans (
	job_id TEXT PRIMARY KEY,
	requires TEXT NOT NULL,
	dependents TEXT NOT NULL,
	plan TEXT NOT NULL
);

-- The last job number of each project.
CREATE TABLE job_numbers (
	project_id TEXT PRIMARY KEY,
	last BIGINT NOT NULL
);

CREATE TABLE tasks (
	id TEXT PRIMARY KEY,
	job_id TEXT NOT NULL,
	workflow_id TEXT NOT NULL,
	idx INTEGER NOT NULL,
	status TEXT NOT NULL,
	attempt INTEGER NOT NULL,
	reason TEXT NOT NULL,
	started_at BIGINT,
	stopped_at BIGINT
);
CREATE UNIQUE INDEX tasks_place ON tasks (job_id, idx);

-- What the queue has yet to hear of a task. One row a task, so that a cancel
-- can never overtake the task itself.
CREATE TABLE task_handovers (
	{{work_columns}},
	queued_task TEXT NOT NULL,
	enqueue BOOLEAN NOT NULL,
	cancel BOOLEAN NOT NULL
);
{{work_index "task_handovers"}}

-- Branches on which a newer pipeline may have made older workflows redundant.
CREATE TABLE branches (
	{{work_columns}},
	project_id TEXT NOT NULL,
	branch TEXT NOT NULL
);
{{work_index "branches"}}
