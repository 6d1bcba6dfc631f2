CREATE TABLE users (
  id         TEXT PRIMARY KEY,
  login      TEXT NOT NULL UNIQUE,
  name       TEXT NOT NULL,
  admin      BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE tokens (
  id         TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL,
  label      TEXT NOT NULL,
  hash       {{bytes}} NOT NULL UNIQUE,
  created_at BIGINT NOT NULL
);

CREATE INDEX tokens_by_user ON tokens (user_id, created_at);

CREATE TABLE milestones (
  name    TEXT PRIMARY KEY,
  at      BIGINT NOT NULL
);
