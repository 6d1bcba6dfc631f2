// SPDX-License-Identifier: MPL-2.0

package testx

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// version is the release of a tool that `make tools` builds.
func version(tool string) string {
	switch tool {
	case "consul":
		return "v1.21.0"
	case "nomad":
		return "v1.11.2"
	case "nomad-autoscaler":
		return "v0.4.7"
	case "vault":
		return "v1.19.0"
	default:
		return ""
	}
}

// OnlyWithTools skips a test on real Nomad, Consul, Vault or Docker unless
// MUSTER_REQUIRE_TOOLS is 1, as `make e2e` sets it: two Nomads or two Docker
// engines on one machine share its bridges, so these tests must not run beside
// a cluster that happens to be up.
func OnlyWithTools(t testing.TB) {
	t.Helper()
	if os.Getenv("MUSTER_REQUIRE_TOOLS") != "1" {
		t.Skip("runs on the real tools as part of `make e2e` (MUSTER_REQUIRE_TOOLS=1)")
	}
}

// Tool returns the path of a program, see OnlyWithTools.
func Tool(t testing.TB, name string) string {
	t.Helper()
	OnlyWithTools(t)
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatalf("finding the folder of the tools: %v", err)
	}
	path := filepath.Join(cache, "muster", "tools", name+"-"+version(name), name)
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
		return path
	}
	t.Fatalf("%s is neither in PATH nor at %s, and MUSTER_REQUIRE_TOOLS is 1; run `make tools`", name, path)
	return ""
}
