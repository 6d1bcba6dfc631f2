// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// handOn becomes the next circleci in PATH, and says what there is when there
// is none. The agent's other name stands for the agent alone, since CircleCI's
// CLI calls it for what it cannot do itself.
func (c *Call) handOn(words []string) error {
	name := filepath.Base(c.Args[0])
	if name == "circleci" {
		if other := c.otherProgram(name); other != "" {
			err := unix.Exec(other, append([]string{other}, c.Args[1:]...), c.Environ)
			return fmt.Errorf("handing the command on to %s: %w", other, err)
		}
	}
	var known []string
	for _, k := range commands() {
		known = append(known, k.path)
	}
	shown := strings.Join(words[:min(2, len(words))], " ")
	hint := ""
	if name == "circleci" {
		hint = "; for the commands of CircleCI's own CLI, put it into the image"
	}
	return usageError{fmt.Sprintf("unknown command %q for %q: in a job there are %s%s", shown, name, strings.Join(known, ", "), hint)}
}

// otherProgram returns the first program of this name in PATH that is not this
// one, "" for none.
func (c *Call) otherProgram(name string) string {
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return "" // without it we could call ourselves for ever
	}
	for _, folder := range filepath.SplitList(c.getenv("PATH")) {
		path := filepath.Join(folder, name)
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && !os.SameFile(info, self) {
			return path
		}
	}
	return ""
}
