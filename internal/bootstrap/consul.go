// SPDX-License-Identifier: MPL-2.0

package bootstrap

import (
	"context"
	"fmt"
	"strings"

	consul "github.com/hashicorp/consul/api"
)

// consulMethod is the name that Nomad uses for its workloads' logins unless
// told otherwise.
const consulMethod = "nomad-workloads"

// catalogPolicy lets a service find its peers.
const catalogPolicy = `
service_prefix "" { policy = "read" }
node_prefix    "" { policy = "read" }
`

// prepareConsul lets Nomad's identities register and find services where ACLs
// are on; where they are off there is nothing to prepare.
func prepareConsul(ctx context.Context, c Config) error {
	client, err := consul.NewClient(&consul.Config{Address: c.ConsulAddress, Token: c.ConsulToken})
	if err != nil {
		return fmt.Errorf("making the client: %w", err)
	}
	acl := client.ACL()
	read := (&consul.QueryOptions{}).WithContext(ctx)
	write := (&consul.WriteOptions{}).WithContext(ctx)
	method, _, err := acl.AuthMethodRead(consulMethod, read)
	if err != nil {
		if strings.Contains(err.Error(), "ACL support disabled") {
			c.say("consul    ACLs are off: nothing to prepare; switch them on before production and run this again")
			return nil
		}
		return fmt.Errorf("reading the auth method: %w", err)
	}
	if err := consulLogin(c, acl, method, write); err != nil {
		return err
	}
	if err := consulRole(c, acl, read, write); err != nil {
		return err
	}
	return consulRules(c, acl, read, write)
}

func consulLogin(c Config, acl *consul.ACL, present *consul.ACLAuthMethod, write *consul.WriteOptions) error {
	method := &consul.ACLAuthMethod{
		Name: consulMethod, Type: "jwt", Description: "Nomad's workload identities",
		Config: map[string]any{
			"JWKSURL": c.JWKS, "JWTSupportedAlgs": []string{"RS256"}, "BoundAudiences": []string{"consul.io"},
			"ClaimMappings": map[string]string{
				"nomad_namespace": "nomad_namespace", "nomad_job_id": "nomad_job_id",
				"nomad_task": "nomad_task", "nomad_service": "nomad_service",
			},
		},
	}
	var err error
	if present == nil {
		_, _, err = acl.AuthMethodCreate(method, write)
	} else {
		_, _, err = acl.AuthMethodUpdate(method, write)
	}
	if err != nil {
		return fmt.Errorf("writing the auth method: %w", err)
	}
	c.say("consul    auth method %s", consulMethod)
	return nil
}

// consulRole makes the role that tasks of the control namespace log in to.
func consulRole(c Config, acl *consul.ACL, read *consul.QueryOptions, write *consul.WriteOptions) error {
	name := "nomad-tasks-" + c.Namespace
	policy, _, err := acl.PolicyReadByName(name, read)
	if err == nil && policy == nil {
		_, _, err = acl.PolicyCreate(&consul.ACLPolicy{Name: name, Rules: catalogPolicy}, write)
	}
	if err != nil {
		return fmt.Errorf("writing the policy %s: %w", name, err)
	}
	role, _, err := acl.RoleReadByName(name, read)
	if err == nil && role == nil {
		_, _, err = acl.RoleCreate(&consul.ACLRole{Name: name, Policies: []*consul.ACLRolePolicyLink{{Name: name}}}, write)
	}
	if err != nil {
		return fmt.Errorf("writing the role %s: %w", name, err)
	}
	c.say("consul    role %s", name)
	return nil
}

// consulRules binds a service's identity to the service of its name and a
// task's to the role.
func consulRules(c Config, acl *consul.ACL, read *consul.QueryOptions, write *consul.WriteOptions) error {
	present, _, err := acl.BindingRuleList(consulMethod, read)
	if err != nil {
		return fmt.Errorf("listing binding rules: %w", err)
	}
	known := map[string]bool{}
	for _, rule := range present {
		known[rule.Selector+rule.BindName] = true
	}
	for _, rule := range []*consul.ACLBindingRule{
		{AuthMethod: consulMethod, BindType: "service", BindName: "${value.nomad_service}", Selector: `"nomad_service" in value`},
		{AuthMethod: consulMethod, BindType: "role", BindName: "nomad-tasks-${value.nomad_namespace}", Selector: `"nomad_service" not in value`},
	} {
		if known[rule.Selector+rule.BindName] {
			continue
		}
		if _, _, err := acl.BindingRuleCreate(rule, write); err != nil {
			return fmt.Errorf("binding %s: %w", rule.BindName, err)
		}
		c.say("consul    binding rule to %s %s", rule.BindType, rule.BindName)
	}
	return nil
}
