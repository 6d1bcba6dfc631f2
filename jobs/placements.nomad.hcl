# placements: makes Nomad jobs of tasks and watches over them.
#
#   nomad job run jobs/placements.nomad.hcl
#
# `muster bootstrap` prepares what this needs; docs/operate.md has the order.

variable "image" {
  description = "Image with the muster binary, by digest in production."
  type        = string
  default     = "muster:local"
}

variable "instances" {
  description = "How many run at once; any number is safe."
  type        = number
  default     = 1
}

variable "vault_address" {
  description = "Vault as clients reach it."
  type        = string
  default     = "http://127.0.0.1:8200"
}

variable "consul_address" {
  description = "The Consul agent of the client."
  type        = string
  default     = "http://127.0.0.1:8500"
}

variable "nomad_address" {
  description = "The Nomad agent of the client."
  type        = string
  default     = "http://127.0.0.1:4646"
}

variable "settings" {
  description = "Path of the settings file, from where nomad runs."
  type        = string
  default     = "jobs/muster.hcl"
}

variable "log_level" {
  type    = string
  default = "info"
}

variable "output_url" {
  description = "Where builds reach the service output."
  type        = string
  default     = "http://output.service.consul:8585"
}

variable "base_url" {
  description = "Where people reach the API and the web, for links that builds see."
  type        = string
  default     = "http://127.0.0.1"
}

variable "agent_dir" {
  description = "Where clients that carry the agent have it; see docs/operate.md. Others download it."
  type        = string
  default     = "/opt/muster/bin"
}

variable "copies_volume" {
  description = "Host volume where clients keep copies of caches and workspaces; see docs/operate.md. All clients of docker builds need it."
  type        = string
  default     = ""
}

variable "copies_path" {
  description = "Folder where clients of machine builds keep such copies."
  type        = string
  default     = ""
}

variable "layers_volume" {
  description = "Host volume where clients keep layers of images (docker_layer_caching); see docs/operate.md. All clients with meta.muster_engine need it."
  type        = string
  default     = ""
}

variable "remote_docker" {
  description = "Image of the Docker engine of setup_remote_docker, such as docker:28-dind; see docs/operate.md. Empty: jobs with that step are refused."
  type        = string
  default     = ""
}

variable "image_lookup" {
  description = "Whether placements asks registries what the images of builds are, on or off; see docs/operate.md."
  type        = string
  default     = "on"
}

variable "trusted_registry" {
  description = "Host of a registry that placements asks wherever it is, on its own machine too, such as 127.0.0.1:5000."
  type        = string
  default     = ""
}

variable "tasks" {
  description = "Folder with the templates of build jobs, from where nomad runs."
  type        = string
  default     = "jobs/tasks"
}

variable "consul_acl" {
  description = "Whether Consul's ACLs are on. Nomad then logs the task in to Consul and hands it a token."
  type        = bool
  default     = false
}

job "placements" {
  namespace = "muster"
  type      = "service"

  group "placements" {
    count = var.instances

    network {
      port "http" {}
    }

    update {
      max_parallel      = 1
      min_healthy_time  = "5s"
      healthy_deadline  = "3m"
      progress_deadline = "5m"
      auto_revert       = true
    }

    restart {
      attempts = 10
      interval = "5m"
      delay    = "2s"
      mode     = "delay"
    }

    service {
      name     = "placements"
      port     = "http"
      provider = "consul"

      check {
        type     = "http"
        path     = "/ready"
        interval = "5s"
        timeout  = "3s"
      }
    }

    task "placements" {
      driver = "docker"

      config {
        image        = var.image
        network_mode = "host"
        args         = ["server", "-target=placements", "-config=/local/muster.hcl"]
      }

      # Who this service is to its peers.
      identity {
        name        = "control"
        aud         = ["muster-control"]
        file        = true
        ttl         = "1h"
        change_mode = "noop"
      }

      # Its rights in Nomad: the policy muster-placements is tied to this job.
      identity {
        file = true
      }

      dynamic "consul" {
        for_each = var.consul_acl ? ["default"] : []
        content {}
      }

      vault {
        role        = "muster-service"
        change_mode = "noop"
      }

      template {
        data        = file(var.settings)
        destination = "local/muster.hcl"
      }

      template {
        data        = file("${var.tasks}/docker.nomad.hcl")
        destination = "local/tasks/docker.nomad.hcl"
        change_mode = "restart"
      }

      template {
        data        = file("${var.tasks}/machine.nomad.hcl")
        destination = "local/tasks/machine.nomad.hcl"
        change_mode = "restart"
      }

      # Where a healthy database is, or else where one is that is ill: this task is
      # not restarted for a crash of the database or a restart of Consul's agent.
      template {
        destination = "secrets/store.env"
        env         = true
        data        = <<-EOF
          {{ with secret "muster/data/services/placements/database" }}
          {{ $user := .Data.data.username }}{{ $password := .Data.data.password }}
          {{ with or (service "postgres") (service "postgres|any") }}{{ with index . 0 }}MUSTER_STORE_DSN=postgres://{{ $user }}:{{ $password }}@{{ .Address }}:{{ .Port }}/muster{{ end }}{{ end }}
          {{ end }}
        EOF
      }

      env {
        MUSTER_LOG_LEVEL       = var.log_level
        MUSTER_LISTEN_INTERNAL = "0.0.0.0:${NOMAD_PORT_http}"
        MUSTER_OUTPUT_URL      = var.output_url
        MUSTER_BASE_URL        = var.base_url
        MUSTER_AGENT_DIR       = var.agent_dir
        MUSTER_REMOTE_DOCKER   = var.remote_docker
        MUSTER_IMAGE_LOOKUP    = var.image_lookup
        MUSTER_TRUST_REGISTRY  = var.trusted_registry
        MUSTER_COPIES_VOLUME   = var.copies_volume
        MUSTER_COPIES_PATH     = var.copies_path
        MUSTER_LAYERS_VOLUME   = var.layers_volume
        MUSTER_CONSUL_ADDRESS  = var.consul_address
        MUSTER_CONSUL_TOKEN    = var.consul_acl ? "/secrets/consul_token" : "" # the file
        MUSTER_NOMAD_ADDRESS   = var.nomad_address
        MUSTER_NOMAD_JWKS      = "${var.nomad_address}/.well-known/jwks.json"
        VAULT_ADDR             = var.vault_address
        TMPDIR                 = "/alloc/tmp" # a scratch image has no /tmp
      }

      kill_timeout = "20s"

      resources {
        cpu        = 100
        memory     = 64
        memory_max = 256
      }
    }
  }
}
