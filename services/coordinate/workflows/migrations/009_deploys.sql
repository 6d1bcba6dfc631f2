-- Jobs with a step that the first of several tasks runs after the others have
-- succeeded.
ALTER TABLE jobs ADD COLUMN deploys BOOLEAN NOT NULL DEFAULT FALSE;
