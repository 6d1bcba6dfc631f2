# The Nomad job of a machine executor's task: the agent runs on the client
# itself, without a container around it, and so does the build. Use it on
# clients that are set aside for builds, in a node pool of their own (the pool
# of the machine classes), and that may be thrown away: a build can leave
# anything behind, and raw_exec has to be enabled there.
#
# Set driver = "exec" for clients that should confine builds to a chroot.
#
# It is yours to edit; see docker.nomad.hcl.
job "build" {
  name      = "${muster.project}/${muster.job}"
  type      = "batch"
  node_pool = muster.class.pool

  group "task" {
    # Where the person logs in who has rerun the job with SSH. Nomad takes it from
    # min_dynamic_port to max_dynamic_port of the client.
    dynamic "network" {
      for_each = muster.ssh ? ["ssh"] : []
      content {
        port "ssh" {}
      }
    }

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

    task "agent" {
      driver       = "raw_exec"
      kill_timeout = "30s"

      dynamic "artifact" {
        for_each = muster.agent.source == "" ? [] : [muster.agent.source]
        content {
          source      = artifact.value
          destination = "local/muster"
          options     = { checksum = muster.agent.checksum }
        }
      }

      # Nomad writes a new identity into the file after half its time: longer than
      # any build takes, since the agent has removed the file by then.
      identity {
        name = "muster"
        aud  = ["muster"]
        file = true
        ttl  = "24h"
      }

      config {
        command = muster.agent.source == "" ? muster.agent.path : "local/muster/muster-agent"
      }

      env = merge({
        HOME                 = "${NOMAD_TASK_DIR}"
        MUSTER_OUTPUT_URL    = muster.output_url
        MUSTER_BASE_URL      = muster.base_url
        MUSTER_IDENTITY_FILE = "${NOMAD_SECRETS_DIR}/nomad_muster.jwt"
        MUSTER_SPOOL_DIR     = "${NOMAD_ALLOC_DIR}/data"
        MUSTER_COPIES_DIR    = muster.copies.dir
        },
        muster.ssh ? {
          MUSTER_SSH_LISTEN  = ":${NOMAD_PORT_ssh}"
          MUSTER_SSH_ADDRESS = "${NOMAD_ADDR_ssh}" # what people are shown
      } : {})

      resources {
        cpu    = muster.class.cpu
        memory = muster.class.memory
      }
    }
  }
}
