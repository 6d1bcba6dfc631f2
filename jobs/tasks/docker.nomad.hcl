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

      identity {
        name = "muster"
        aud  = ["muster"]
        file = true
        ttl  = "1h"
      }

      config {
        image       = muster.images[0].image
        entrypoint  = [muster.agent.source == "" ? "/opt/muster/${muster.agent.file}" : "/local/muster/muster-agent"]
        extra_hosts = muster.hosts
        pids_limit  = 8192
        cap_drop    = ["net_raw"]
      }

      env = merge(muster.images[0].env, {
        MUSTER_OUTPUT_URL    = muster.output_url
        MUSTER_BASE_URL      = muster.base_url
        MUSTER_IDENTITY_FILE = "/secrets/nomad_muster.jwt"
        MUSTER_SPOOL_DIR     = "/alloc/data"
      })

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

        config {
          image       = task.value.image
          entrypoint  = task.value.entrypoint
          args        = task.value.command
          extra_hosts = muster.hosts
          pids_limit  = 4096
          cap_drop    = ["net_raw"]
        }

        env = task.value.env

        # On top of the class, which is the primary container's.
        resources {
          cpu    = 100
          memory = max(256, floor(muster.class.memory / 8))
        }
      }
    }
  }
}
