-- How long the attempt may run, in microseconds; 0 until it is claimed.
ALTER TABLE attempts ADD COLUMN time_limit BIGINT NOT NULL DEFAULT 0;
