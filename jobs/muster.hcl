# The settings of every control service on Nomad. The job files hand it to their
# task as it is; what differs between sites comes from their variables as
# environment, and what is secret comes from Vault as files in /secrets.

log {
  level = env("MUSTER_LOG_LEVEL")
  json  = true
}

listen {
  internal = env("MUSTER_LISTEN_INTERNAL")
  public   = env("MUSTER_LISTEN_PUBLIC")
  output   = env("MUSTER_LISTEN_OUTPUT")
}

store {
  driver = "postgres"
  dsn    = env("MUSTER_STORE_DSN")
}

objects {
  url = env("MUSTER_OBJECTS_URL")
}

secrets {
  driver     = "vault"
  address    = env("VAULT_ADDR")
  token_file = "/secrets/vault_token"
}

catalog {
  driver     = "consul"
  address    = env("MUSTER_CONSUL_ADDRESS")
  token_file = env("MUSTER_CONSUL_TOKEN")
}

workload {
  driver     = "nomad"
  jwks       = env("MUSTER_NOMAD_JWKS")
  token_file = "/secrets/nomad_control.jwt"
}

cluster {
  driver     = "nomad"
  address    = env("MUSTER_NOMAD_ADDRESS")
  token_file = "/secrets/nomad_token"
  templates  = "/local/tasks"
  output_url = [env("MUSTER_OUTPUT_URL")]
  base_url   = env("MUSTER_BASE_URL")
  archive    = "/muster-agent.tar.gz"
  agent_dir  = env("MUSTER_AGENT_DIR")

  copies_volume = env("MUSTER_COPIES_VOLUME")
  copies_dir    = env("MUSTER_COPIES_PATH")
  layers_volume = env("MUSTER_LAYERS_VOLUME")

  image_lookup       = env("MUSTER_IMAGE_LOOKUP")
  trusted_registries = [env("MUSTER_TRUST_REGISTRY")]
}

placements {
  remote_docker = env("MUSTER_REMOTE_DOCKER")
}
