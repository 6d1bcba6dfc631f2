// SPDX-License-Identifier: MPL-2.0

package testx

import (
	"os"
	"os/exec"
	"testing"
)

// OnlyWithTools skips a test on real Nomad, Consul, Vault, Docker or S3 unless
// MUSTER_REQUIRE_TOOLS is 1, as `make e2e` sets it: two Nomads or two Docker
// engines on one machine share its bridges, so these tests must not run beside
// a cluster that happens to be up.
func OnlyWithTools(t testing.TB) {
	t.Helper()
	if os.Getenv("MUSTER_REQUIRE_TOOLS") != "1" {
		t.Skip("runs on the real tools as part of `make e2e` (MUSTER_REQUIRE_TOOLS=1)")
	}
}

// Tool returns the path of a program, see OnlyWithTools. That it is missing is a
// failure: `make e2e` puts what `make tools` built on PATH.
func Tool(t testing.TB, name string) string {
	t.Helper()
	OnlyWithTools(t)
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not on PATH; `make tools system-packages` gets it, and `scripts/tools.sh --path` says where the tools are", name)
	}
	return path
}
