-- The uploaded bundle that a pipeline builds, so that one that is still needed
-- is found by its key.
ALTER TABLE pipelines ADD COLUMN bundle TEXT NOT NULL DEFAULT '';
UPDATE pipelines SET bundle = COALESCE({{json_text "source" "bundle"}}, '') WHERE source LIKE '%"bundle":%';
CREATE INDEX pipelines_bundle ON pipelines (bundle) WHERE bundle <> '';
