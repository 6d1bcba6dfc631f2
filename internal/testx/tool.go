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

// Tool returns the path of a program.
func Tool(t testing.TB, name string) string {
	t.Helper()
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
	if os.Getenv("MUSTER_REQUIRE_TOOLS") == "1" {
		t.Fatalf("%s is neither in PATH nor at %s, and MUSTER_REQUIRE_TOOLS is 1; run `make tools`", name, path)
	}
	t.Skipf("%s is neither in PATH nor at %s; run `make tools` to have this test run", name, path)
	return ""
}
