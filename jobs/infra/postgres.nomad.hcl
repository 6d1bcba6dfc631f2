# PostgreSQL for one machine or a small site, on the binaries that the client's
# distribution ships. A larger site points its services at a database of its own
# (register it in Consul as "postgres") and does not run this.
#
#   nomad job run jobs/infra/postgres.nomad.hcl
#
# The client needs the driver raw_exec and PostgreSQL's binaries. Tie the job to that client with a constraint where there are several.

variable "bin" {
  description = "Folder of initdb and postgres on the client."
  type        = string
  default     = "/usr/lib/postgresql/15/bin"
}

variable "data" {
  description = "Folder for the data on the client; the user postgres owns it."
  type        = string
  default     = "/var/lib/muster/postgres"
}

variable "port" {
  type    = number
  default = 5432
}

job "postgres" {
  namespace = "muster"
  type      = "service"

  group "postgres" {
    network {
      port "postgres" {
        static = var.port
      }
    }

    # A crash is mended by a start, however often: nothing runs without it.
    restart {
      attempts = 10
      interval = "5m"
      delay    = "1s"
      mode     = "delay"
    }

    service {
      name     = "postgres"
      port     = "postgres"
      provider = "consul"

      check {
        type     = "tcp"
        interval = "5s"
        timeout  = "2s"
      }
    }

    task "postgres" {
      driver       = "raw_exec"
      kill_signal  = "SIGINT"
      kill_timeout = "30s"

      config {
        command = "/bin/bash"
        args    = ["${NOMAD_TASK_DIR}/run.sh"]
      }

      vault {
        role        = "muster-service"
        change_mode = "noop"
      }

      template {
        destination = "secrets/password"
        change_mode = "noop"
        data        = "{{ with secret \"muster/data/infra/postgres/superuser\" }}{{ .Data.data.password }}{{ end }}"
      }

      template {
        destination = "local/run.sh"
        change_mode = "noop"
        data        = <<-EOF
          # Nomad's folders are root's; PostgreSQL refuses to run as root.
          set -euo pipefail
          cd /
          data="$PGDATA_DIR/data"
          as() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
          install -d -o postgres -g postgres -m 700 "$PGDATA_DIR"
          if [ ! -s "$data/PG_VERSION" ]; then
            rm -rf "$data.new"
            install -o postgres -g postgres -m 600 "$NOMAD_SECRETS_DIR/password" "$PGDATA_DIR/password"
            as "$PGBIN/initdb" -D "$data.new" -U postgres -A scram-sha-256 -E UTF8 --no-locale --pwfile="$PGDATA_DIR/password"
            rm "$PGDATA_DIR/password"
            echo "CREATE DATABASE muster" | as "$PGBIN/postgres" --single -D "$data.new" postgres
            mv "$data.new" "$data"
          fi
          install -o postgres -g postgres -m 600 "$NOMAD_TASK_DIR/pg_hba.conf" "$data/pg_hba.conf"
          exec setpriv --reuid=postgres --regid=postgres --init-groups "$PGBIN/postgres" -D "$data" \
            -p "$NOMAD_PORT_postgres" -c listen_addresses='*' -c unix_socket_directories= -c max_connections=200
        EOF
      }

      template {
        destination = "local/pg_hba.conf"
        change_mode = "noop"
        data        = "host all all all scram-sha-256\n"
      }

      env {
        PGBIN      = var.bin
        PGDATA_DIR = var.data
      }

      resources {
        cpu    = 200
        memory = 256
      }
    }
  }
}
