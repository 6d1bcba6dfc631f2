-- Requests for which no pipeline was made, since the commit asks for none, so
-- that the same request has the same answer when it comes again.
CREATE TABLE skips (
	id TEXT PRIMARY KEY,
	project_id TEXT NOT NULL,
	reason TEXT NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE INDEX skips_created ON skips (created_at);
