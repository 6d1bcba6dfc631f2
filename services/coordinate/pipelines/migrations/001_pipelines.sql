-- A row is due until its config has been compiled. planned says that the plan
-- is stored and the hand-over of its workflows stands in table handovers.
CREATE TABLE pipelines (
	{{work_columns}},
	project_id TEXT NOT NULL,
	number BIGINT NOT NULL,
	branch TEXT NOT NULL,
	actor_id TEXT NOT NULL,
	project TEXT NOT NULL,
	trigger_event TEXT NOT NULL,
	parameters TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	state TEXT NOT NULL,
	planned BOOLEAN NOT NULL,
	canceled BOOLEAN NOT NULL,
	source TEXT NOT NULL,
	errors TEXT NOT NULL,
	warnings TEXT NOT NULL,
	updated_at BIGINT NOT NULL
);
{{work_index "pipelines"}}
CREATE UNIQUE INDEX pipelines_number ON pipelines (project_id, number);
CREATE INDEX pipelines_branch ON pipelines (project_id, branch, number);
CREATE INDEX pipelines_actor ON pipelines (project_id, actor_id, number);
CREATE INDEX pipelines_created ON pipelines (created_at, id);

-- What of a pipeline is large: the config that came with the trigger, the one
-- that was compiled, what it expanded to, and the workflows with their ids.
CREATE TABLE configs (
	pipeline_id TEXT PRIMARY KEY,
	given TEXT NOT NULL,
	source TEXT NOT NULL,
	compiled TEXT NOT NULL,
	workflows TEXT NOT NULL
);

-- The last pipeline number of each project.
CREATE TABLE pipeline_numbers (
	project_id TEXT PRIMARY KEY,
	last BIGINT NOT NULL
);

-- What the workflows service has yet to hear of a pipeline: its workflows, or
-- when it is canceled, that.
CREATE TABLE handovers (
	{{work_columns}}
);
{{work_index "handovers"}}
