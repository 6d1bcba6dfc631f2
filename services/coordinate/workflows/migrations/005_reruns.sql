-- Reruns that a workflow makes of itself: which of how many it is.
ALTER TABLE workflows ADD COLUMN auto_rerun INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workflows ADD COLUMN max_auto_reruns INTEGER NOT NULL DEFAULT 0;

-- Who may log in to a job; '' is nobody.
ALTER TABLE jobs ADD COLUMN ssh_user TEXT NOT NULL DEFAULT '';
