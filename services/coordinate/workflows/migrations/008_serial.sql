-- Serial groups that workflows need: one row for a job, a group of jobs or a
-- lock job. Due while the queue has to hear of it.
CREATE TABLE serial_holds (
	{{work_columns}},
	workflow_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	open_jobs INTEGER NOT NULL,
	reason TEXT NOT NULL,
	claim TEXT NOT NULL
);
{{work_index "serial_holds"}}
CREATE INDEX serial_holds_workflow ON serial_holds (workflow_id);

ALTER TABLE workflows ADD COLUMN job_groups TEXT NOT NULL DEFAULT '[]';
ALTER TABLE workflows ADD COLUMN serial BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE jobs ADD COLUMN hold_id TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN serial_key TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN waits BOOLEAN NOT NULL DEFAULT FALSE;
