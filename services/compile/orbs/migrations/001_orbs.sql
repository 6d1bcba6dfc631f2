CREATE TABLE orbs_namespaces (
  id              TEXT PRIMARY KEY,
  name            TEXT NOT NULL UNIQUE,
  organization_id TEXT UNIQUE,
  created_at      BIGINT NOT NULL
);

CREATE TABLE orbs_names (
  name         TEXT PRIMARY KEY,
  namespace_id TEXT NOT NULL
);

CREATE INDEX orbs_names_by_namespace ON orbs_names (namespace_id);

CREATE TABLE orbs (
  id           TEXT PRIMARY KEY,
  namespace_id TEXT NOT NULL,
  name         TEXT NOT NULL,
  private      BOOLEAN NOT NULL,
  listed       BOOLEAN NOT NULL,
  latest       TEXT NOT NULL,
  description  TEXT NOT NULL,
  created_at   BIGINT NOT NULL,
  changed_at   BIGINT NOT NULL,
  UNIQUE (namespace_id, name)
);

CREATE TABLE orbs_categories (
  orb_id   TEXT NOT NULL,
  category TEXT NOT NULL,
  PRIMARY KEY (orb_id, category)
);

CREATE TABLE orbs_versions (
  id         TEXT PRIMARY KEY,
  orb_id     TEXT NOT NULL,
  version    TEXT NOT NULL,
  major      BIGINT,
  minor      BIGINT,
  patch      BIGINT,
  digest     TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  UNIQUE (orb_id, version)
);

CREATE INDEX orbs_versions_by_number ON orbs_versions (orb_id, major, minor, patch);

CREATE INDEX orbs_versions_by_expiry ON orbs_versions (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE orbs_published (
  orb_id TEXT NOT NULL,
  digest TEXT NOT NULL,
  until  BIGINT,
  PRIMARY KEY (orb_id, digest)
);

CREATE INDEX orbs_published_by_digest ON orbs_published (digest);

CREATE TABLE orbs_prefixes (
  id              TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL,
  name            TEXT NOT NULL,
  prefix          TEXT NOT NULL,
  created_at      BIGINT NOT NULL,
  UNIQUE (organization_id, prefix)
);

CREATE TABLE orbs_fetched (
  url        TEXT NOT NULL,
  digest     TEXT NOT NULL,
  fetched_at BIGINT NOT NULL,
  PRIMARY KEY (url, digest)
);

CREATE INDEX orbs_fetched_by_digest ON orbs_fetched (digest);

CREATE TABLE orbs_sources (
  digest  TEXT PRIMARY KEY,
  packed  {{bytes}} NOT NULL,
  used_at BIGINT NOT NULL
);
