-- Private halves stay where they sign; those that were sealed here are erased,
-- and their keys are served until their last token has ended. A key is a version
-- of the signer's key, 0 when it signs no more.
ALTER TABLE signing_keys ADD COLUMN version BIGINT NOT NULL DEFAULT 0;

ALTER TABLE signing_keys ADD COLUMN signs_at BIGINT;

UPDATE signing_keys SET sealed = '', signs_at = created_at + 3600000000;
