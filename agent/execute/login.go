// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-ci/muster/core"
)

// A login shell sets a PATH of its own (/etc/profile), in which the folder of
// the job's commands is not. Two things bring them back:
//
//   - bash reads BASH_ENV after the profiles when it runs a script, with --login
//     too, so the file begins with a line that puts the folder where it is
//     missing. The line shows nothing under -x.
//   - What reads no BASH_ENV (su -, sh -l) looks in /usr/local/bin. In a container,
//     which is gone with the job, links stand there, unless the image has
//     something by that name. The machine of a job without a container is not
//     ours to change.

// keepCommands begins the file of BASH_ENV, when it is new.
func (j *job) keepCommands(file *os.File) error {
	info, err := file.Stat()
	if err != nil || info.Size() > 0 {
		return err
	}
	folder := "'" + strings.ReplaceAll(j.commandFolder(), "'", `'\''`) + "'"
	_, err = fmt.Fprintf(file, "{ case \":$PATH:\" in *:%[1]s:*) ;; *) export PATH=%[1]s\":$PATH\" ;; esac; } 2>/dev/null\n", folder)
	return err
}

// linkCommands makes the links, and returns what removes them. A folder that
// cannot be written, as by the user of many images, has none.
func (j *job) linkCommands() (remove func()) {
	var made []string
	if j.cfg.LinkDir != "" && j.task.Attempt.Executor == core.ExecutorDocker && j.mute == nil {
		for _, name := range commandNames {
			at := filepath.Join(j.cfg.LinkDir, name)
			err := os.Symlink(filepath.Join(j.commandFolder(), name), at)
			switch {
			case err == nil:
				made = append(made, at)
			case !errors.Is(err, os.ErrExist):
				j.deps.Logger.Debug("login shells will not find a command of the job", "path", at, "error", err)
			}
		}
	}
	return func() {
		for _, at := range made {
			os.Remove(at) // the container goes anyway
		}
	}
}
