-- What an attempt used of its resource class, as package samples keeps it (JSON,
-- some 30 KiB at most).
CREATE TABLE usage (
	attempt_id TEXT PRIMARY KEY,
	series TEXT NOT NULL
);
