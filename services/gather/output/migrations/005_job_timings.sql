-- What the tasks of a job were told of how long its tests take, by kind: a
-- wire.Timings as JSON, compressed. The first answer stays until the job is long
-- over.
CREATE TABLE job_timings (
	job_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	answer {{bytes}} NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (job_id, kind)
);
CREATE INDEX job_timings_at ON job_timings (at);
