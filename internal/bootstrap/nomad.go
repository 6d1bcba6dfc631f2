// SPDX-License-Identifier: MPL-2.0

package bootstrap

import (
	"context"
	"fmt"
	"strings"

	nomad "github.com/hashicorp/nomad/api"
)

// placementsPolicy is all that placements may do in Nomad: run builds in their
// own namespace, lend them logins at registries, read why a node will not take
// one and which agent it carries, and have builds mount that.
const placementsPolicy = `
namespace "%s" {
  capabilities = ["list-jobs", "parse-job", "read-job", "submit-job", "alloc-lifecycle"]
  variables {
    path "nomad/jobs/m-*" {
      capabilities = ["list", "write", "destroy"]
    }
  }
}
node {
  policy = "read"
}
host_volume "muster-agent" {
  policy = "read"
}
host_volume "muster-copies" {
  policy = "write"
}
host_volume "muster-layers" {
  policy = "write"
}
`

func prepareNomad(ctx context.Context, c Config) error {
	client, err := nomad.NewClient(&nomad.Config{Address: c.NomadAddress, SecretID: c.NomadToken})
	if err != nil {
		return fmt.Errorf("making the client: %w", err)
	}
	write := (&nomad.WriteOptions{}).WithContext(ctx)
	for name, description := range map[string]string{c.Namespace: "Muster: control services", c.Builds: "Muster: builds"} {
		if _, err := client.Namespaces().Register(&nomad.Namespace{Name: name, Description: description}, write); err != nil {
			return fmt.Errorf("registering the namespace %s: %w", name, err)
		}
		c.say("nomad     namespace %s", name)
	}
	pool := &nomad.NodePool{Name: c.Builds, Description: "Muster: clients set aside for builds"}
	if _, err := client.NodePools().Register(pool, write); err != nil {
		return fmt.Errorf("registering the node pool %s: %w", c.Builds, err)
	}
	c.say("nomad     node pool %s", c.Builds)
	return nomadPolicy(c, client, write)
}

// nomadPolicy ties the policy to the nomad job of placements, so that its
// workload identity is its token and none has to be stored.
func nomadPolicy(c Config, client *nomad.Client, write *nomad.WriteOptions) error {
	_, err := client.ACLPolicies().Upsert(&nomad.ACLPolicy{
		Name:        "muster-placements",
		Description: "Muster: what the service placements may do",
		Rules:       fmt.Sprintf(placementsPolicy, c.Builds),
		JobACL:      &nomad.JobACL{Namespace: c.Namespace, JobID: "placements"},
	}, write)
	switch {
	case err == nil:
		c.say("nomad     ACL policy muster-placements")
		return nil
	case strings.Contains(err.Error(), "ACL support disabled"):
		c.say("nomad     ACLs are off: switch them on before production (acl { enabled = true }) and run this again")
		return nil
	default:
		return fmt.Errorf("writing the ACL policy: %w", err)
	}
}
