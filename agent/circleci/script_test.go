// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-ci/muster/agent/answer"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

func TestMain(m *testing.M) {
	inside := func() {
		call := Call{Version: "9.9", Args: os.Args, Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
		os.Exit(call.Run(context.Background()))
	}
	testscript.Main(m, map[string]func(){"circleci": inside, "circleci-agent": inside})
}

// TestScripts runs the commands as a job does, each script with an agent of its
// own, which writes what it is asked to the file asked.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_GOLDEN") != "",
		Setup:               withAgent,
	})
}

// fakeAgent answers as a job's agent does, from files of the script.
type fakeAgent struct {
	folder string

	mu sync.Mutex
}

func withAgent(env *testscript.Env) error {
	agent := &fakeAgent{folder: env.WorkDir}
	server := answer.NewServer(hclog.NewNullLogger())
	agent.register(server)
	data := filepath.Join(env.WorkDir, "task-data")
	if err := os.Mkdir(data, 0o755); err != nil {
		return err
	}
	if err := server.Listen(filepath.Join(data, answer.Socket)); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		server.Run(ctx)
		close(ended)
	}()
	env.Defer(func() {
		cancel()
		<-ended
	})
	env.Setenv("CIRCLE_INTERNAL_TASK_DATA", data)
	return nil
}

func (a *fakeAgent) register(server *answer.Server) {
	server.Handle("POST "+answer.PathHalt, answer.JSON(func(context.Context, answer.Nothing) (answer.Nothing, error) {
		return answer.Nothing{}, a.note("halt\n")
	}))
	server.Handle("POST "+answer.PathMask, answer.JSON(func(_ context.Context, mask answer.Mask) (answer.Masked, error) {
		taken := 0
		for _, value := range mask.Values {
			if len(value) >= 4 {
				taken++
			}
		}
		return answer.Masked{Taken: taken}, a.note("mask %q\n", mask.Values)
	}))
	server.Handle("POST "+answer.PathToken, answer.JSON(func(_ context.Context, r answer.TokenRequest) (answer.Token, error) {
		if slices.Contains(r.Audience, "refused") {
			return answer.Token{}, core.Errorf(core.CodeForbidden, "a fork's pipeline gets no OIDC tokens")
		}
		version := "v1"
		if r.V2 {
			version = "v2"
		}
		return answer.Token{Token: "token for " + strings.Join(r.Audience, ",") + " " + version}, nil
	}))
	server.Handle("POST "+answer.PathFailedTests, answer.JSON(func(context.Context, answer.Nothing) (answer.FailedTests, error) {
		var failed answer.FailedTests
		return failed, a.read("failed-tests.json", &failed.Tests)
	}))
	server.Handle("POST "+answer.PathTimings, answer.JSON(func(_ context.Context, request wire.TimingsRequest) (wire.Timings, error) {
		timings := wire.Timings{Missing: "no job of that name has kept test results yet"}
		if err := a.note("timings %s\n", request.By); err != nil {
			return timings, err
		}
		var kept map[string]float64
		if err := a.read("timings-"+string(request.By)+".json", &kept); err != nil || kept == nil {
			return timings, err
		}
		timings.Missing = ""
		for _, name := range slices.Sorted(maps.Keys(kept)) {
			timings.Names = append(timings.Names, name)
			timings.Seconds = append(timings.Seconds, kept[name])
		}
		return timings, nil
	}))
}

// note adds a line to the script's file asked.
func (a *fakeAgent) note(format string, args ...any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	file, err := os.OpenFile(filepath.Join(a.folder, "asked"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	fmt.Fprintf(file, format, args...)
	return file.Close()
}

// read reads a file of the script's; one that is not there leaves into alone.
func (a *fakeAgent) read(name string, into any) error {
	data, err := os.ReadFile(filepath.Join(a.folder, name))
	if os.IsNotExist(err) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return core.Errorf(core.CodeInternal, "the script's %s: %w", name, err)
	}
	return nil
}
