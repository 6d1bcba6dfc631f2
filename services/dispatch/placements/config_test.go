// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
)

// TestSSHDefaults: what an operator gets is what agents do by themselves, and
// what the documentation says.
func TestSSHDefaults(t *testing.T) {
	t.Parallel()
	d := Config{}.withDefaults()
	if d.SSHIdle != core.SSHIdle || d.SSHMost != core.SSHMost {
		t.Errorf("got %s and %s, want %s and %s", d.SSHIdle, d.SSHMost, core.SSHIdle, core.SSHMost)
	}
	for file, places := range map[string]map[string]time.Duration{
		"settings.md": {"\\| `ssh_idle` \\| `\"(\\w+)\"` \\|": core.SSHIdle, "\\| `ssh_most` \\| `\"(\\w+)\"` \\|": core.SSHMost},
		"operate.md":  {`ssh_idle = "(\w+)"`: core.SSHIdle, `ssh_most = "(\w+)"`: core.SSHMost},
		"use.md":      {`nobody has been logged in for (\d+ minutes)`: core.SSHIdle, `, and (\d+ hours) at most`: core.SSHMost},
	} {
		text, err := os.ReadFile("../../../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for place, want := range places {
			found := regexp.MustCompile(place).FindAllStringSubmatch(string(text), -1)
			if len(found) == 0 {
				t.Errorf("docs/%s says nothing like %s", file, place)
			}
			for _, f := range found {
				short := strings.NewReplacer(" minutes", "m", " hours", "h").Replace(f[1])
				if got, err := time.ParseDuration(short); err != nil || got != want {
					t.Errorf("docs/%s says %q, want %s", file, f[0], want)
				}
			}
		}
	}
}
