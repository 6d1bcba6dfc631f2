// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"

	"github.com/muster-ci/muster/core"
)

func (e *emitter) steps(steps []core.StepPlan) {
	if len(steps) == 0 {
		e.w.Raw("steps", "[]")
		return
	}
	e.w.Key("steps")
	e.w.In()
	for _, s := range steps {
		e.step(s)
	}
	e.w.Out()
}

// step writes a step with its keys; one that has none is written as its name.
func (e *emitter) step(s core.StepPlan) {
	if s.Kind == core.StepRun {
		e.run(s)
		return
	}
	if e.bare(s) {
		e.w.Value(string(s.Kind))
		return
	}
	e.w.Item()
	e.w.Key(string(s.Kind))
	e.w.In()
	if s.Name != usualNames[s.Kind] {
		e.w.Pair("name", s.Name)
	}
	e.options(s)
	e.optional("when", string(s.When))
	e.w.Out()
	e.w.EndItem()
}

// bare tells whether nothing is to be said of a step but its name. The kinds
// that have required keys never are.
func (e *emitter) bare(s core.StepPlan) bool {
	if s.Name != usualNames[s.Kind] || s.When != "" {
		return false
	}
	switch s.Kind {
	case core.StepCheckout:
		return *s.Checkout == core.CheckoutStep{}
	case core.StepSetupRemoteDocker:
		return *s.SetupRemoteDocker == core.SetupRemoteDockerStep{}
	case core.StepAddSSHKeys:
		return len(s.AddSSHKeys.Fingerprints) == 0
	case core.StepInstallSigningBundle:
		return true
	default:
		return false
	}
}

func (e *emitter) options(s core.StepPlan) {
	switch s.Kind {
	case core.StepCheckout:
		e.optional("path", s.Checkout.Path)
		e.optional("method", string(s.Checkout.Method))
		if s.Checkout.Depth > 0 {
			e.w.Raw("depth", strconv.Itoa(s.Checkout.Depth))
		}
	case core.StepSetupRemoteDocker:
		e.flag("docker_layer_caching", s.SetupRemoteDocker.LayerCaching)
		e.optional("version", s.SetupRemoteDocker.Version)
	case core.StepSaveCache:
		e.w.Pair("key", s.SaveCache.Key)
		e.words("paths", s.SaveCache.Paths)
		e.optional("when", string(s.SaveCache.When))
	case core.StepRestoreCache:
		if len(s.RestoreCache.Keys) == 1 {
			e.w.Pair("key", s.RestoreCache.Keys[0])
			return
		}
		e.words("keys", s.RestoreCache.Keys)
	case core.StepStoreArtifacts:
		e.w.Pair("path", s.StoreArtifacts.Path)
		e.optional("destination", s.StoreArtifacts.Destination)
	case core.StepStoreTestResults:
		e.w.Pair("path", s.StoreTestResults.Path)
	case core.StepPersistToWorkspace:
		e.w.Pair("root", s.PersistToWorkspace.Root)
		e.words("paths", s.PersistToWorkspace.Paths)
	case core.StepAttachWorkspace:
		e.w.Pair("at", s.AttachWorkspace.At)
	case core.StepAddSSHKeys:
		e.words("fingerprints", s.AddSSHKeys.Fingerprints)
	}
}

func (e *emitter) run(s core.StepPlan) {
	r := s.Run
	e.w.Item()
	defer e.w.EndItem()
	if r.Deploy {
		e.w.Key("deploy")
	} else {
		e.w.Key("run")
	}
	e.w.In()
	defer e.w.Out()
	if s.Name != r.Command {
		e.w.Pair("name", s.Name)
	}
	e.w.Pair("command", r.Command)
	e.optional("shell", r.Shell)
	e.optional("working_directory", r.WorkingDirectory)
	e.variables(r.Environment)
	e.flag("background", r.Background)
	e.duration("no_output_timeout", r.NoOutputTimeout)
	e.optional("when", string(r.When))
	if r.MaxAutoReruns > 0 {
		e.w.Raw("max_auto_reruns", strconv.Itoa(r.MaxAutoReruns))
	}
	e.duration("auto_rerun_delay", r.AutoRerunDelay)
}
