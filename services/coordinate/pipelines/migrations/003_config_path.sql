-- Where the config stands in the repository; empty for one that was given.
ALTER TABLE configs ADD COLUMN path TEXT NOT NULL DEFAULT '';
