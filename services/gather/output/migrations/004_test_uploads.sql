-- The outbox to results: committed archives of test results. The id is the
-- archive's, upload a core.TestUpload.
CREATE TABLE test_uploads (
	{{work_columns}},
	upload TEXT NOT NULL
);
{{work_index "test_uploads"}}
