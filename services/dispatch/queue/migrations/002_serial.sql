-- Serial groups. Whoever changes a claim holds the row of its group; holder is
-- the claim that has the lock, so there cannot be two.
CREATE TABLE serial_groups (
	id TEXT PRIMARY KEY,
	organization TEXT NOT NULL,
	lock_key TEXT NOT NULL,
	holder TEXT NOT NULL,
	arrivals BIGINT NOT NULL
);
CREATE INDEX serial_groups_held ON serial_groups (organization, lock_key) WHERE holder <> '';

-- Claims, from their arrival until some days after their end.
CREATE TABLE serial_claims (
	id TEXT PRIMARY KEY,
	group_id TEXT NOT NULL,
	place BIGINT NOT NULL,
	state TEXT NOT NULL,
	project TEXT NOT NULL,
	pipeline BIGINT NOT NULL,
	claim TEXT NOT NULL,
	claimed_at BIGINT NOT NULL,
	held_at BIGINT,
	ended_at BIGINT
);
CREATE INDEX serial_claims_open ON serial_claims (group_id, place) WHERE ended_at IS NULL;
CREATE INDEX serial_claims_waiting ON serial_claims (claimed_at) WHERE state = 'waiting';
CREATE INDEX serial_claims_ended ON serial_claims (ended_at) WHERE ended_at IS NOT NULL;

-- What workflows has yet to hear of claims.
CREATE TABLE serial_news (
	{{work_columns}},
	news TEXT NOT NULL
);
{{work_index "serial_news"}}
