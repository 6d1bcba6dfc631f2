# The Nomad job of a docker executor's task. It is yours to edit: constraints,
# node pools, volumes, limits. `muster check` tells what it makes of it.
#
# The variable muster and the rules that hold for every template are described
# in hcl/jobspec. What is not said here (restart, reschedule, disconnect, logs,
# the identity) gets the values that Muster needs.
job "build" {
  name      = "${muster.project}/${muster.job}"
  type      = "batch"
  node_pool = muster.class.pool

  group "task" {
    # All containers share one network namespace, and so localhost.
    network {
      mode = "bridge"

      # Where the person logs in who has rerun the job with SSH. Nomad takes it
      # from min_dynamic_port to max_dynamic_port of the client.
      dynamic "port" {
        for_each = muster.ssh ? ["ssh"] : []
        labels   = [port.value]
        content {}
      }
    }

    # A number for the scheduler; Nomad does not enforce it.
    ephemeral_disk {
      size = muster.class.disk
    }

    # Only a client that says that it carries this very agent, where Muster
    # counts on that.
    dynamic "constraint" {
      for_each = muster.agent.version == "" ? [] : [muster.agent.version]
      content {
        attribute = "${meta.muster_agents}"
        operator  = "set_contains"
        value     = constraint.value
      }
    }

    # Where earlier tasks left copies of what this one restores: a wish, which a
    # full client does not grant.
    dynamic "affinity" {
      for_each = length(muster.near) == 0 ? [] : [join(",", muster.near)]
      content {
        attribute = "${node.unique.name}"
        operator  = "set_contains_any"
        value     = affinity.value
        weight    = 50
      }
    }

    # A Docker engine of the job's own has rights that not every client gives:
    # only one that says so in its metadata.
    dynamic "constraint" {
      for_each = muster.engine == "" ? [] : ["$${meta.muster_engine}"]
      content {
        attribute = constraint.value
        operator  = "="
        value     = "true"
      }
    }

    # Only where clients carry the agent: a host volume of this name, which
    # client configuration points at the folder with the agents in it.
    dynamic "volume" {
      for_each = muster.agent.source == "" ? ["muster-agent"] : []
      labels   = ["muster-agent"]
      content {
        type      = "host"
        source    = volume.value
        read_only = true
      }
    }

    # Copies of parts of caches and workspaces, encrypted, for all jobs of the
    # client.
    dynamic "volume" {
      for_each = muster.copies.volume == "" ? [] : [muster.copies.volume]
      labels   = ["copies"]
      content {
        type   = "host"
        source = volume.value
      }
    }

    # What engines of setup_remote_docker keep for later jobs of the same project.
    dynamic "volume" {
      for_each = muster.layers.volume == "" ? [] : [muster.layers.volume]
      labels   = ["layers"]
      content {
        type   = "host"
        source = volume.value
      }
    }

    # The primary container. The agent is its entrypoint and runs the steps.
    task "agent" {
      driver       = "docker"
      leader       = true
      user         = muster.images[0].user
      kill_timeout = "30s"

      # An archive keeps the binary's run bit, which a plain file loses.
      dynamic "artifact" {
        for_each = muster.agent.source == "" ? [] : [muster.agent.source]
        content {
          source      = artifact.value
          destination = "local/muster"
          options     = { checksum = muster.agent.checksum }
        }
      }

      dynamic "volume_mount" {
        for_each = muster.agent.source == "" ? ["muster-agent"] : []
        content {
          volume      = volume_mount.value
          destination = "/opt/muster"
          read_only   = true
        }
      }

      dynamic "volume_mount" {
        for_each = muster.copies.volume == "" ? [] : ["copies"]
        content {
          volume      = volume_mount.value
          destination = "/opt/muster-copies"
        }
      }

      # The agent uses the token within minutes and removes the file. Nomad
      # writes it anew after half its life, which has to be later than any build.
      identity {
        name = "muster"
        aud  = ["muster"]
        file = true
        ttl  = "24h"
      }

      # The login at a registry is in a Nomad variable of this job alone, and
      # comes to the client's memory only: not into the job, nor the container.
      dynamic "secret" {
        for_each = muster.images[0].login ? [muster.logins] : []
        labels   = ["registry"]
        content {
          provider = "nomad"
          path     = secret.value
        }
      }

      config {
        image       = muster.images[0].image
        entrypoint  = [muster.agent.source == "" ? "/opt/muster/${muster.agent.file}" : "/local/muster/muster-agent"]
        extra_hosts = muster.hosts
        pids_limit  = 8192
        cap_drop    = ["net_raw"]
        shm_size    = max(67108864, floor(muster.class.memory * 524288))

        # A client may have a private image from a job that was allowed to fetch it.
        force_pull = muster.images[0].login

        dynamic "auth" {
          for_each = muster.images[0].login ? [0] : []
          content {
            username       = "$${secret.registry.username_0}"
            password       = "$${secret.registry.password_0}"
            server_address = "$${secret.registry.server_0}"
          }
        }
      }

      env = merge(muster.images[0].env, {
        MUSTER_OUTPUT_URL    = muster.output_url
        MUSTER_BASE_URL      = muster.base_url
        MUSTER_IDENTITY_FILE = "/secrets/nomad_muster.jwt"
        MUSTER_SPOOL_DIR     = "/alloc/data"
        MUSTER_COPIES_DIR    = muster.copies.volume == "" ? "" : "/opt/muster-copies"
        MUSTER_ENGINE        = muster.engine == "" ? "" : "tcp://127.0.0.1:2375"
        MUSTER_ENGINE_LAYERS = muster.layers.volume == "" ? "" : "true"
        },
        muster.ssh ? {
          MUSTER_SSH_LISTEN  = ":${NOMAD_PORT_ssh}"
          MUSTER_SSH_ADDRESS = "${NOMAD_HOST_ADDR_ssh}" # what people are shown
      } : {})

      resources {
        cpu    = muster.class.cpu
        memory = muster.class.memory
      }
    }

    # Service containers: started beside the agent, which gets its work once each
    # of them has been started, and stopped after it. Not as prestart sidecars:
    # Nomad holds the agent back until all of those run at the same moment, which
    # never comes when one of them ends sooner than another starts.
    dynamic "task" {
      for_each = slice(muster.images, 1, length(muster.images))
      labels   = ["service-${task.value.index}"]
      content {
        driver       = "docker"
        user         = task.value.user
        kill_timeout = "10s"

        # One that ends, well or not, stays ended and does not take the job with
        # it: the next start would be in a day.
        restart {
          attempts = 1
          interval = "25h"
          delay    = "24h"
          mode     = "delay"
        }

        dynamic "secret" {
          for_each = task.value.login ? [muster.logins] : []
          labels   = ["registry"]
          content {
            provider = "nomad"
            path     = secret.value
          }
        }

        config {
          image       = task.value.image
          entrypoint  = task.value.entrypoint
          args        = task.value.command
          extra_hosts = muster.hosts
          pids_limit  = 4096
          cap_drop    = ["net_raw"]
          shm_size    = max(67108864, floor(muster.class.memory / 8) * 524288)
          force_pull  = task.value.login

          dynamic "auth" {
            for_each = task.value.login ? [task.value.index] : []
            content {
              username       = "$${secret.registry.username_${auth.value}}"
              password       = "$${secret.registry.password_${auth.value}}"
              server_address = "$${secret.registry.server_${auth.value}}"
            }
          }
        }

        env = task.value.env

        # On top of the class, which is the primary container's.
        resources {
          cpu    = 100
          memory = max(256, floor(muster.class.memory / 8))
        }
      }
    }

    # The Docker engine of a job with setup_remote_docker: its own, in the same
    # network namespace, so that only this job reaches it and what it publishes is
    # on localhost. It goes with the job, its images and layers too, unless clients
    # have a volume for them.
    dynamic "task" {
      for_each = muster.engine == "" ? [] : [muster.engine]
      labels   = ["docker-engine"]
      content {
        driver       = "docker"
        kill_timeout = "10s"

        restart {
          attempts = 1
          interval = "25h"
          delay    = "24h"
          mode     = "delay"
        }

        dynamic "artifact" {
          for_each = muster.agent.source == "" ? [] : [muster.agent.source]
          content {
            source      = artifact.value
            destination = "local/muster"
            options     = { checksum = muster.agent.checksum }
          }
        }

        dynamic "volume_mount" {
          for_each = muster.agent.source == "" ? ["muster-agent"] : []
          content {
            volume      = volume_mount.value
            destination = "/opt/muster"
            read_only   = true
          }
        }

        dynamic "volume_mount" {
          for_each = muster.layers.volume == "" ? [] : ["layers"]
          content {
            volume      = volume_mount.value
            destination = "/var/lib/muster-layers"
          }
        }

        # Not privileged, and without a device of the client; but with what an
        # engine cannot do without. Whoever uses it is close to root on the client.
        config {
          image        = task.value
          entrypoint   = [muster.agent.source == "" ? "/opt/muster/${muster.agent.file}" : "/local/muster/muster-agent"]
          args         = concat(["engine"], muster.layers.volume == "" ? [] : ["--layers=/var/lib/muster-layers/${muster.layers.key}"], ["tcp://127.0.0.1:2375"])
          cap_add      = ["sys_admin", "net_admin", "sys_ptrace", "dac_read_search", "sys_chroot", "net_raw", "mknod", "setfcap", "audit_write"]
          security_opt = ["seccomp=unconfined", "apparmor=unconfined"]
        }

        env {
          DOCKER_TLS_CERTDIR = ""
        }

        # What is built and run by it counts here, on top of the class.
        resources {
          cpu    = muster.class.cpu
          memory = max(1024, muster.class.memory)
        }
      }
    }
  }
}
