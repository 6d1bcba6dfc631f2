-- What attempts handled (a workflow's workspace, a job's caches), so that later
-- ones can be placed where copies of it may be. They go with their attempts.
CREATE TABLE homes (
	key TEXT NOT NULL,
	id TEXT NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (key, id)
);
CREATE INDEX homes_latest ON homes (key, at);
CREATE INDEX homes_attempt ON homes (id);
