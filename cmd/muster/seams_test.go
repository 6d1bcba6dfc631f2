// SPDX-License-Identifier: MPL-2.0

package main

import (
	"testing"

	"github.com/muster-ci/muster/hcl/settings"
)

// What a service may call depends on its name, also where all of them share a
// process.
func TestPeersCarryTheirServicesName(t *testing.T) {
	t.Parallel()
	m := &seams{settings: &settings.Settings{Workload: settings.Workload{Driver: "local", Dir: t.TempDir(), Namespace: "muster"}}}
	if err := m.openWorkload(); err != nil {
		t.Fatal(err)
	}
	for _, name := range serviceNames() {
		token, err := m.peersOf(name).Token(t.Context())
		if err != nil {
			t.Fatalf("the identity of %s: %v", name, err)
		}
		claims, err := m.control.Verify(t.Context(), token)
		if err != nil || claims.JobID != name || claims.Namespace != "muster" {
			t.Errorf("the identity of %s: got %+v, %v", name, claims, err)
		}
		if _, err := m.agents.Verify(t.Context(), token); err == nil {
			t.Errorf("the identity of %s passes for a build's", name)
		}
	}
}
