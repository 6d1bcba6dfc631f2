// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// The keys of the steps that prepare a job.
var (
	setupRemoteDockerKeys = keySet{permitted: []string{"docker_layer_caching", "name", "prefer_same_region", "version", "when"}}
	addSSHKeysKeys        = keySet{permitted: []string{"fingerprints", "name", "when"}}
	signingBundleKeys     = keySet{permitted: []string{"name", "when"}}
	toolCacheKeys         = keySet{permitted: []string{"steps", "tool"}, required: []string{"steps"}}
)

// usualNames are what people see of a step without a name.
var usualNames = map[core.StepKind]string{
	core.StepCheckout:             checkoutName,
	core.StepSetupRemoteDocker:    "Setup a remote Docker engine",
	core.StepSaveCache:            "Saving Cache",
	core.StepRestoreCache:         "Restoring Cache",
	core.StepStoreArtifacts:       "Uploading artifacts",
	core.StepStoreTestResults:     "Uploading test results",
	core.StepPersistToWorkspace:   "Persisting to Workspace",
	core.StepAttachWorkspace:      "Attaching Workspace",
	core.StepAddSSHKeys:           "Installing additional ssh keys",
	core.StepInstallSigningBundle: "Installing signing bundle",
}

// setupRemoteDocker reads the engine's keys. prefer_same_region is about the
// regions of CircleCI's cloud and has nothing to choose from here.
func (c *compiler) setupRemoteDocker(n, place *document.Node) (core.StepPlan, bool) {
	if !c.options("setup_remote_docker", n, place, setupRemoteDockerKeys) {
		return core.StepPlan{}, false
	}
	step := &core.SetupRemoteDockerStep{LayerCaching: c.boolean(n.Get("docker_layer_caching")), Version: c.version(n.Get("version"))}
	c.boolean(n.Get("prefer_same_region"))
	return core.StepPlan{
		Kind: core.StepSetupRemoteDocker, Name: c.title(n, usualNames[core.StepSetupRemoteDocker]), SetupRemoteDocker: step, When: c.when(n),
	}, true
}

// version reads a version, which YAML may have taken for a number.
func (c *compiler) version(n *document.Node) string {
	if n != nil && (n.Kind == document.Int || n.Kind == document.Float) {
		return n.Text
	}
	return c.text(n)
}

func (c *compiler) addSSHKeys(n, place *document.Node) (core.StepPlan, bool) {
	if !c.options("add_ssh_keys", n, place, addSSHKeysKeys) {
		return core.StepPlan{}, false
	}
	step := &core.AddSSHKeysStep{Fingerprints: c.texts(n.Get("fingerprints"))}
	return core.StepPlan{Kind: core.StepAddSSHKeys, Name: c.title(n, usualNames[core.StepAddSSHKeys]), AddSSHKeys: step, When: c.when(n)}, true
}

func (c *compiler) installSigningBundle(n, place *document.Node) (core.StepPlan, bool) {
	if !c.options("install_signing_bundle", n, place, signingBundleKeys) {
		return core.StepPlan{}, false
	}
	return core.StepPlan{Kind: core.StepInstallSigningBundle, Name: c.title(n, usualNames[core.StepInstallSigningBundle]), When: c.when(n)}, true
}

// toolCacheSteps returns the steps inside with_tool_cache, nil after a mistake.
// The cache only makes them faster: they run without it.
func (c *compiler) toolCacheSteps(n, place *document.Node) *document.Node {
	if n == nil || n.Kind == document.Null {
		c.fail(place, "required key [steps] not found", "write the steps that use the tool below steps:")
		return nil
	}
	if !c.fields(n, toolCacheKeys) {
		return nil
	}
	c.text(n.Get("tool"))
	c.warn(place, "Muster keeps no tool cache: the steps inside with_tool_cache run without one", "save_cache and restore_cache keep the tool's folders")
	return n.Get("steps")
}

// oneRemoteDocker tells of a second engine in a job, which there is no use for,
// and of one that the job's machine has already.
func (c *compiler) oneRemoteDocker(d *definition, plan *core.JobPlan, steps *document.Node) {
	engines := 0
	for _, s := range plan.Steps {
		if s.Kind == core.StepSetupRemoteDocker {
			engines++
		}
	}
	switch {
	case engines > 1:
		c.fail(steps, fmt.Sprintf("More than one setup_remote_docker is not valid, please adjust in job %s.", clip(d.name)), "one engine serves all steps after it; remove the others")
	case engines == 1 && plan.Executor.Kind == core.ExecutorMachine:
		c.warn(steps, "setup_remote_docker is not compatible with the machine executor", "remove the step: the machine has a Docker engine of its own")
	}
}
