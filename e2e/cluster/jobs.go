// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"
)

// Services are the control services, in the order of the data path.
var Services = []string{"gateway", "configs", "orbs", "pipelines", "workflows", "placements", "queue", "output", "results", "identity", "projects"}

// RegistryAddress is of a registry that placements trusts, although it is on this
// machine: scenarios start one there.
const RegistryAddress = "127.0.0.1:5055"

// variables are what the job files are given here beyond their defaults.
func (c *Cluster) variables(name string) []string {
	switch name {
	case "gateway":
		return append(c.bucketVariables(), "-var=public_port=8080", "-var=base_url="+PublicAddress)
	case "configs", "output", "pipelines":
		return c.bucketVariables()
	case "identity":
		return []string{"-var=base_url=" + PublicAddress}
	case "placements":
		return []string{"-var=output_url=http://" + c.address + ":8585", "-var=base_url=" + PublicAddress, "-var=agent_dir=" + c.agentDir(),
			"-var=remote_docker=" + engineImage, "-var=trusted_registry=" + RegistryAddress, "-var=copies_volume=muster-copies", "-var=layers_volume=muster-layers", "-var=tasks=" + c.templateDir()}
	default:
		return nil
	}
}

// postgres runs PostgreSQL as a Nomad job and waits until it is healthy.
func (c *Cluster) postgres(ctx context.Context) error {
	if _, err := user.Lookup("postgres"); err != nil {
		return fmt.Errorf("finding the user postgres (on Debian: apt-get install postgresql): %w", err)
	}
	data := filepath.Join(c.Dir, "postgres")
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return errors.New("no PostgreSQL is installed (on Debian: apt-get install postgresql)")
	}
	err = c.run(ctx, c.NomadEnv(), "nomad", "job", "run", "-detach", "-var=data="+data,
		"-var=bin="+filepath.Dir(found[len(found)-1]), "jobs/infra/postgres.nomad.hcl")
	if err != nil {
		return err
	}
	if err := c.Healthy(ctx, "postgres", 1); err != nil {
		return err
	}
	// Where PostgreSQL is registered is this machine as containers reach it.
	found, err = c.instances(ctx, "postgres")
	if err != nil || len(found) == 0 {
		return fmt.Errorf("asking Consul for PostgreSQL's address: %w", err)
	}
	c.address, _, err = net.SplitHostPort(found[0])
	return err
}

// services runs every control service as a Nomad job and waits until all are
// healthy in Consul.
func (c *Cluster) services(ctx context.Context) error {
	if err := c.templates(); err != nil {
		return err
	}
	for _, name := range Services {
		if err := c.RunService(ctx, name); err != nil {
			return err
		}
	}
	for _, name := range Services {
		if err := c.Healthy(ctx, name, 1); err != nil {
			return err
		}
	}
	return nil
}

// RunService submits the job file of one service.
func (c *Cluster) RunService(ctx context.Context, name string, extra ...string) error {
	args := append([]string{"job", "run", "-detach"}, c.variables(name)...)
	args = append(args, extra...)
	return c.run(ctx, c.NomadEnv(), "nomad", append(args, "jobs/"+name+".nomad.hcl")...)
}

// Healthy waits until Consul knows that many passing instances of a service.
func (c *Cluster) Healthy(ctx context.Context, name string, instances int) error {
	began := time.Now()
	wait, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	err := poll(wait, 250*time.Millisecond, func() (bool, error) {
		entries, err := c.instances(wait, name)
		return err == nil && len(entries) >= instances, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for %s to be healthy: %w\n%s", name, err, c.why(ctx, name))
	}
	c.say("%-14s healthy in Consul after %.1f s", name, time.Since(began).Seconds())
	return nil
}

// instances returns the addresses of the passing instances of a service.
func (c *Cluster) instances(ctx context.Context, name string) ([]string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, ConsulAddress+"/v1/health/service/"+name+"?passing", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var entries []struct {
		Service struct {
			Address string
			Port    int
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&entries); err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		found = append(found, fmt.Sprintf("%s:%d", entry.Service.Address, entry.Service.Port))
	}
	return found, nil
}

// why says what Nomad and the service itself say about a service that does not
// come up.
func (c *Cluster) why(ctx context.Context, name string) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	var text strings.Builder
	out, err := c.output(ctx, c.NomadEnv(), "nomad", "job", "allocs", "-json", name)
	var allocs []struct{ ID string }
	if err != nil || json.Unmarshal(out, &allocs) != nil || len(allocs) == 0 {
		return "Nomad has placed nothing for it: " + string(out)
	}
	status, err := c.output(ctx, c.NomadEnv(), "nomad", "alloc", "status", allocs[0].ID)
	if err != nil {
		status = []byte(err.Error())
	}
	text.Write(status)
	logs, _ := filepath.Glob(filepath.Join(c.Dir, "nomad-client", "alloc", allocs[0].ID, "alloc", "logs", "*.std*.0"))
	for _, log := range logs {
		lines, err := os.ReadFile(log)
		if err != nil {
			continue
		}
		fmt.Fprintf(&text, "%s:\n%s\n", filepath.Base(log), lines[max(0, len(lines)-4096):])
	}
	return text.String()
}

// stopJobs stops and purges the services, then PostgreSQL, and what builds are
// left, waiting until their tasks are gone.
func (c *Cluster) stopJobs(ctx context.Context) error {
	for _, namespace := range []string{"muster-builds", "muster"} {
		out, err := c.output(ctx, c.NomadEnv(), "nomad", "job", "status", "-namespace="+namespace, "-json")
		if err != nil {
			continue // nothing there, or Nomad is gone already
		}
		var jobs []struct {
			Summary struct{ JobID string }
		}
		if json.Unmarshal(out, &jobs) != nil {
			continue
		}
		for _, job := range jobs {
			if err := c.run(ctx, c.NomadEnv(), "nomad", "job", "stop", "-namespace="+namespace, "-purge", "-detach", job.Summary.JobID); err != nil {
				return err
			}
		}
	}
	wait, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	err := poll(wait, 500*time.Millisecond, func() (bool, error) {
		out, err := c.output(ctx, c.NomadEnv(), "nomad", "operator", "api", "/v1/allocations?namespace=*&filter=ClientStatus==%22running%22")
		return err != nil || strings.TrimSpace(string(out)) == "[]", nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the tasks to end: %w", err)
	}
	c.say("%-14s all stopped", "nomad jobs")
	return nil
}
