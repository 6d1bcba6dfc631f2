// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/muster-ci/muster/agent/answer"
	"github.com/muster-ci/muster/agent/mask"
	"github.com/muster-ci/muster/core"
)

// What a job adds to the masks, its processes all told. Each byte costs the
// agent a multiple of itself in memory.
const (
	maxAddedMasks = 1000
	maxAddedBytes = 1 << 20
)

// commandNames are the names under which steps find this program.
var commandNames = [...]string{"circleci", "circleci-agent"}

// commandFolder holds links to the agent by those names.
func (j *job) commandFolder() string { return filepath.Join(j.temp, "bin") }

// addCommands puts the folder of the agent's names before all others of PATH.
func (j *job) addCommands(env *environment) {
	folder, path := j.commandFolder(), env.get("PATH")
	if first, _, _ := strings.Cut(path, string(filepath.ListSeparator)); first == folder {
		return
	}
	env.set("PATH", strings.TrimSuffix(folder+string(filepath.ListSeparator)+path, string(filepath.ListSeparator)))
}

// openAnswers lets the steps' commands reach the agent until the function that
// it returns is called. Where that cannot be had the job runs without, and says
// so.
func (j *job) openAnswers() (stop func()) {
	server := answer.NewServer(j.deps.Logger)
	j.register(server)
	if j.deps.Answer != nil {
		j.deps.Answer(server)
	}
	if j.mute = j.makeCommands(server); j.mute != nil {
		j.deps.Logger.Warn("the commands of the job cannot be answered", "error", j.mute)
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(j.alive))
	var serving sync.WaitGroup
	serving.Go(func() { server.Run(ctx) })
	return func() {
		cancel()
		serving.Wait()
	}
}

// makeCommands makes the socket and the names. Every user may pass through the
// job's folder, since a step may change its user; what is private in it is
// closed by itself.
func (j *job) makeCommands(server *answer.Server) error {
	data := j.builtin.get("CIRCLE_INTERNAL_TASK_DATA")
	for folder, mode := range map[string]os.FileMode{j.temp: 0o711, j.commandFolder(): 0o755, data: 0o755} {
		if err := os.MkdirAll(folder, mode); err != nil {
			return fmt.Errorf("making the folder of the task's data: %w", err)
		}
		if err := os.Chmod(folder, mode); err != nil { // whatever the umask
			return fmt.Errorf("opening the folder of the task's data: %w", err)
		}
	}
	program, err := ownProgram()
	if err != nil {
		return err
	}
	for _, name := range commandNames {
		if err := linkOrCopy(program, filepath.Join(j.commandFolder(), name)); err != nil {
			return fmt.Errorf("giving the agent the name %s: %w", name, err)
		}
	}
	return server.Listen(filepath.Join(data, answer.Socket))
}

// ownProgram finds the file of this program, also where there is no /proc.
func ownProgram() (string, error) {
	path, err := os.Executable()
	if err == nil {
		return path, nil
	}
	if path, err = exec.LookPath(os.Args[0]); err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", fmt.Errorf("finding the agent's own program: %w", err)
	}
	return path, nil
}

// linkOrCopy makes name a link to program. A program that is gone from its
// path, since another version took its place, is copied while it still runs.
func linkOrCopy(program, name string) error {
	if _, err := os.Stat(program); err == nil {
		return os.Symlink(program, name)
	}
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return err
	}
	return to.Close()
}

// register adds what the job itself answers. Nothing of it tells a secret, but
// for a token of the job's own.
func (j *job) register(server *answer.Server) {
	server.Handle("POST "+answer.PathHalt, answer.JSON(func(context.Context, answer.Nothing) (answer.Nothing, error) {
		j.halted.Store(true)
		return answer.Nothing{}, nil
	}))
	server.Handle("POST "+answer.PathMask, answer.JSON(j.addMasks))
	server.Handle("POST "+answer.PathToken, answer.JSON(j.tokenFor))
	server.Handle("POST "+answer.PathFailedTests, answer.JSON(func(context.Context, answer.Nothing) (answer.FailedTests, error) {
		return answer.FailedTests{Tests: j.task.Spec.FailedTests}, nil
	}))
}

// addMasks has the values masked before it answers, so that a step may print
// them as soon as its command has ended.
func (j *job) addMasks(_ context.Context, request answer.Mask) (answer.Masked, error) {
	var values []string
	bytes := 0
	for _, value := range request.Values {
		if mask.Maskable(value) {
			values = append(values, value)
			bytes += len(value)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.addedMasks+len(values) > maxAddedMasks || j.addedBytes+bytes > maxAddedBytes {
		return answer.Masked{}, core.Errorf(core.CodeExhausted, "a job may add %d masks of %d bytes together", maxAddedMasks, maxAddedBytes)
	}
	j.addedMasks += len(values)
	j.addedBytes += bytes
	j.deps.Masks.Add(values...)
	return answer.Masked{Taken: len(values)}, nil
}
