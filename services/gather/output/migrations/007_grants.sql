-- What an attempt may ask for beyond its output: identity is who it is in OIDC
-- tokens, as JSON. ssh_user may log in; address and host key come from its agent.
CREATE TABLE grants (
	attempt_id TEXT PRIMARY KEY,
	task_id TEXT NOT NULL,
	identity TEXT NOT NULL,
	ssh_user TEXT NOT NULL DEFAULT '',
	ssh_address TEXT NOT NULL DEFAULT '',
	ssh_host_key TEXT NOT NULL DEFAULT ''
);
CREATE INDEX grants_task ON grants (task_id);
