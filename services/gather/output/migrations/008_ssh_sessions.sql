-- Of steps that stand for sessions over SSH: from where, and with which key.
ALTER TABLE steps ADD COLUMN remote TEXT NOT NULL DEFAULT '';
ALTER TABLE steps ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
