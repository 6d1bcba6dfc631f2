// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// handOn becomes the next circleci in PATH, and says what there is when there
// is none. The agent's other name stands for the agent alone, since CircleCI's
// CLI calls it for what it cannot do itself.
func (c *Call) handOn(words []string) error {
	name := filepath.Base(c.Args[0])
	if name == "circleci" {
		if other := c.otherProgram(name); other != "" {
			err := unix.Exec(other, append([]string{other}, c.Args[1:]...), c.handedOn())
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

// envHandedOn lists the agents that have handed a command on, so that two of
// them in one PATH, as in a job that tests Muster, do not do so for ever.
const envHandedOn = "MUSTER_HANDED_ON"

// handedOn is the environment with this program among those that handed on.
func (c *Call) handedOn() []string {
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return c.Environ
	}
	list := identity(self)
	if before := c.getenv(envHandedOn); before != "" {
		list = before + "," + list
	}
	others := slices.DeleteFunc(slices.Clone(c.Environ), func(v string) bool { return strings.HasPrefix(v, envHandedOn+"=") })
	return append(others, envHandedOn+"="+list)
}

// otherProgram returns the first program of this name in PATH that is neither
// this one nor one that handed on to this one, "" for none.
func (c *Call) otherProgram(name string) string {
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return "" // without it we could call ourselves for ever
	}
	before := strings.Split(c.getenv(envHandedOn), ",")
	for _, folder := range filepath.SplitList(c.getenv("PATH")) {
		path := filepath.Join(folder, name)
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && !os.SameFile(info, self) && !slices.Contains(before, identity(info)) {
			return path
		}
	}
	return ""
}

// identity tells one file from all others of the machine.
func identity(info os.FileInfo) string {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
	}
	return info.Name()
}
