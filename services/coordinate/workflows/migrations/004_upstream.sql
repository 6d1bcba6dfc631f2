-- The first workflow of a line of reruns, '' for one that is none: its id names
-- the workspace of all of them.
ALTER TABLE workflows ADD COLUMN workspace_id TEXT NOT NULL DEFAULT '';

-- Jobs that leave files for later ones. Of jobs from before this column nothing
-- is known.
ALTER TABLE jobs ADD COLUMN persists BOOLEAN NOT NULL DEFAULT TRUE;
