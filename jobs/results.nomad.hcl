# results: what the tests of jobs came to.
#
#   nomad job run jobs/results.nomad.hcl
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

variable "consul_acl" {
  description = "Whether Consul's ACLs are on. Nomad then logs the task in to Consul and hands it a token."
  type        = bool
  default     = false
}

job "results" {
  namespace = "muster"
  type      = "service"

  group "results" {
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
      name     = "results"
      port     = "http"
      provider = "consul"

      check {
        type     = "http"
        path     = "/ready"
        interval = "5s"
        timeout  = "3s"
      }
    }

    task "results" {
      driver = "docker"

      config {
        image        = var.image
        network_mode = "host"
        args         = ["server", "-target=results", "-config=/local/muster.hcl"]
      }

      # Who this service is to its peers.
      identity {
        name        = "control"
        aud         = ["muster-control"]
        file        = true
        ttl         = "1h"
        change_mode = "noop"
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

      # Where a healthy database is, or else where one is that is ill: this task is
      # not restarted for a crash of the database or a restart of Consul's agent.
      template {
        destination = "secrets/store.env"
        env         = true
        data        = <<-EOF
          {{ with secret "muster/data/services/results/database" }}
          {{ $user := .Data.data.username }}{{ $password := .Data.data.password }}
          {{ with or (service "postgres") (service "postgres|any") }}{{ with index . 0 }}MUSTER_STORE_DSN=postgres://{{ $user }}:{{ $password }}@{{ .Address }}:{{ .Port }}/muster{{ end }}{{ end }}
          {{ end }}
        EOF
      }

      env {
        MUSTER_LOG_LEVEL       = var.log_level
        MUSTER_LISTEN_INTERNAL = "0.0.0.0:${NOMAD_PORT_http}"
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
        memory_max = 768
      }
    }
  }
}
