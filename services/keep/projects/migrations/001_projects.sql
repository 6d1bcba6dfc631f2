CREATE TABLE organizations (
  id          TEXT PRIMARY KEY,
  vcs         TEXT NOT NULL,
  name        TEXT NOT NULL,
  concurrency INTEGER NOT NULL,
  UNIQUE (vcs, name)
);

CREATE TABLE projects (
  id              TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL,
  slug            TEXT NOT NULL UNIQUE,
  name            TEXT NOT NULL,
  repository_url  TEXT NOT NULL,
  default_branch  TEXT NOT NULL,
  auto_cancel     BOOLEAN NOT NULL,
  created_at      BIGINT NOT NULL
);

CREATE TABLE variables (
  project_id TEXT NOT NULL,
  name       TEXT NOT NULL,
  sealed     TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, name)
);
