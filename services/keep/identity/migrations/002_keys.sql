-- Public keys of users for SSH into jobs.
CREATE TABLE ssh_keys (
  id          TEXT PRIMARY KEY,
  user_id     TEXT NOT NULL,
  label       TEXT NOT NULL,
  public_key  TEXT NOT NULL,
  fingerprint TEXT NOT NULL UNIQUE,
  created_at  BIGINT NOT NULL
);

CREATE INDEX ssh_keys_by_user ON ssh_keys (user_id, created_at);

-- Keys that sign tokens of jobs: the private half sealed, the public one as JWK.
CREATE TABLE signing_keys (
  id         TEXT PRIMARY KEY,
  sealed     TEXT NOT NULL,
  public     TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

-- What tokens of jobs say instead of the default; project is '' for the
-- organization's.
CREATE TABLE token_claims (
  organization TEXT NOT NULL,
  project      TEXT NOT NULL,
  audience     TEXT NOT NULL,
  audience_at  BIGINT,
  ttl          BIGINT NOT NULL,
  ttl_at       BIGINT,
  PRIMARY KEY (organization, project)
);
