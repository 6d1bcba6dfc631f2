-- How long a job wished its cache to be kept, in microseconds; 0 is for what the
-- settings say, of now and not of when it was kept. Of caches from before this
-- column, those with another time than the usual 15 days stay with that.
ALTER TABLE archives ADD COLUMN wish BIGINT NOT NULL DEFAULT 0;
UPDATE archives SET wish = expires_at - committed_at
	WHERE kind = 'cache' AND expires_at IS NOT NULL AND committed_at IS NOT NULL AND expires_at - committed_at <> 1296000000000;
