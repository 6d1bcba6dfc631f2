-- The tests that a job of a rerun repeats, a list of core.FailedTest as JSON. A
-- job without a row repeats all of its tests.
CREATE TABLE failed_tests (
	job_id TEXT PRIMARY KEY,
	tests TEXT NOT NULL
);
