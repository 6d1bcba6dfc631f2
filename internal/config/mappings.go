// SPDX-License-Identifier: MPL-2.0

package config

import "slices"

// Mapping is a shape of the language: what the compiler checks a mapping
// against.
type Mapping struct {
	Permitted []string // in order
	Required  []string
	// Open mappings take other names too: anchors at the top, commands among
	// steps, parameters among the keys of a call.
	Open bool
}

// topKeys are the keys at the top that mean something.
func topKeys() []string {
	return append(slices.Clone(reuseKeys), "version", "jobs", "workflows", "description", "display", "experimental")
}

// Mappings returns the shapes of the language by names of their own, those of
// steps by the step's. They are the sets that the compiler itself checks with.
func Mappings() map[string]Mapping {
	found := map[string]Mapping{
		"config": {Permitted: topKeys(), Required: []string{"version"}, Open: true},
		"orb":    {Permitted: slices.Clone(orbKeys), Open: true},
		"step":   {Permitted: slices.Clone(stepNames), Open: true},
		"logic":  {Permitted: slices.Clone(logicOperators)},
	}
	for name, set := range map[string]keySet{
		"job": jobKeys, "executor": executorKeys, "command": commandKeys, "when": whenKeys, "workflow": workflowKeys,
		"matrix": matrixKeys, "call": callKeys, "filter": filterKeys, "branch": branchKeys, "group": groupKeys,
		"image": imageKeys, "auth": authKeys, "aws": awsKeys, "gcp": gcpKeys, "machine": machineKeys, "macos": macosKeys,
		"retention": retentionKeys, "validation": validationKeys, "check": checkKeys, "matches": matchesKeys,
		"parameter": parameterKeys, "trigger": triggerKeys, "schedule": scheduleKeys, "schedule_filter": scheduleFilterKeys,
		"run": runKeys, "checkout": checkoutKeys, "setup_remote_docker": setupRemoteDockerKeys, "add_ssh_keys": addSSHKeysKeys,
		"install_signing_bundle": signingBundleKeys, "with_tool_cache": toolCacheKeys, "save_cache": saveCacheKeys,
		"restore_cache": restoreCacheKeys, "store_artifacts": storeArtifactsKeys, "store_test_results": storeTestResultsKeys,
		"persist_to_workspace": persistToWorkspaceKeys, "attach_workspace": attachWorkspaceKeys,
	} {
		found[name] = Mapping{Permitted: slices.Clone(set.permitted), Required: slices.Clone(set.required), Open: name == "call"}
	}
	for name, m := range found {
		slices.Sort(m.Permitted)
		found[name] = m
	}
	return found
}
