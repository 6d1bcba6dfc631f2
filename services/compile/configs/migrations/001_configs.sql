CREATE TABLE configs_compiled (
  source     TEXT NOT NULL,
  inputs     TEXT NOT NULL,
  names      TEXT NOT NULL,
  result     {{bytes}} NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (source, inputs)
);

CREATE INDEX configs_compiled_created_at ON configs_compiled (created_at);
