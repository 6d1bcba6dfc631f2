-- Which orbs a pipeline's references mean, decided by its first compilation:
-- the later ones of the same pipeline use the same.
ALTER TABLE configs ADD COLUMN orbs TEXT NOT NULL DEFAULT 'null';
