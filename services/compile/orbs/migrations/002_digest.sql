CREATE INDEX orbs_versions_by_digest ON orbs_versions (orb_id, digest);
