-- Workflows of setup configs, which are never repeated.
ALTER TABLE workflows ADD COLUMN setup BOOLEAN NOT NULL DEFAULT FALSE;
