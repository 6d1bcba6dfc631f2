// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

func TestConfigFromTheEnvironment(t *testing.T) {
	t.Parallel()
	environ := []string{
		wire.EnvOutputURL + "= http://a:1 ,http://b:2,", wire.EnvIdentityFile + "=/id", wire.EnvSpoolDir + "=/spool",
		EnvBaseURL + "=https://ci", EnvGrace + "=3s", "PATH=/bin", wire.EnvCopiesDir + "=/copies", wire.EnvCopiesBytes + "=5",
		EnvSpoolBytes + "=6", EnvStall + "=7s", EnvPatience + "=8s", EnvCachePatience + "=9s", EnvCacheLimit + "=10s", EnvYield + "=11s",
	}
	got, err := FromEnviron(environ)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{Addresses: []string{"http://a:1", "http://b:2"}, IdentityFile: "/id", SpoolDir: "/spool", BaseURL: "https://ci",
		Grace: 3 * time.Second, Environ: environ, CopiesDir: "/copies", CopiesBytes: 5, SpoolBytes: 6,
		Transfers: Transfers{Stall: 7 * time.Second, Patience: 8 * time.Second, CachePatience: 9 * time.Second, CacheLimit: 10 * time.Second}, Yield: 11 * time.Second}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	if _, err := FromEnviron([]string{EnvGrace + "=ten"}); err == nil || !strings.Contains(err.Error(), EnvGrace) {
		t.Errorf("got %v", err)
	}
	for want, c := range map[string]Config{
		wire.EnvOutputURL:    {IdentityFile: "/id"},
		wire.EnvIdentityFile: {Addresses: []string{"http://a"}},
		"is no URL":          {IdentityFile: "/id", Addresses: []string{"a:8585"}},
	} {
		_, err := New(c, Deps{})
		if err == nil || !strings.Contains(err.Error(), want) || ExitStatus(err) != ExitUsage {
			t.Errorf("got %v with status %d, want %q", err, ExitStatus(err), want)
		}
	}
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	for want, err := range map[int]error{
		0:               nil,
		ExitRefused:     fmt.Errorf("claiming: %w", &stream.StatusError{Status: http.StatusConflict}),
		ExitUnclaimed:   errors.Join(errUnclaimed, context.DeadlineExceeded),
		ExitUndelivered: stream.ErrLost,
	} {
		if got := ExitStatus(err); got != want {
			t.Errorf("%v: got %d, want %d", err, got, want)
		}
	}
}

// newAgent returns an agent in this process, with short patience.
func newAgent(t *testing.T, s *agenttest.Server, identity string) (*Agent, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "identity")
	if err := os.WriteFile(path, []byte(identity), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := New(Config{Addresses: []string{s.URL}, IdentityFile: path, SpoolDir: t.TempDir(), ClaimFor: 5 * time.Second,
		Linger: 100 * time.Millisecond, Environ: []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}},
		Deps{Logger: hclog.NewNullLogger(), Clock: time.Now, NewID: core.NewID, Processes: process.NewTable()})
	if err != nil {
		t.Fatal(err)
	}
	return a, path
}

// TestAStaleIdentityIsReadAgain has the file rewritten after the first refusal.
func TestAStaleIdentityIsReadAgain(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, core.ClaimedTask{}, wire.Limits{})
	a, path := newAgent(t, s, "stale")
	s.SetFault(func(n int, _ string) agenttest.Fault {
		if n == 1 {
			if err := os.WriteFile(path, []byte(agenttest.Identity), 0o600); err != nil {
				t.Error(err)
			}
		}
		return agenttest.None
	})
	if err := a.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAForgedIdentityIsRefused(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, core.ClaimedTask{}, wire.Limits{})
	a, _ := newAgent(t, s, "forged")
	if err := a.Run(t.Context()); ExitStatus(err) != ExitRefused {
		t.Errorf("got %v", err)
	}
}

func TestASecondClaimantIsRefused(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, core.ClaimedTask{}, wire.Limits{})
	first, _ := newAgent(t, s, agenttest.Identity)
	second, _ := newAgent(t, s, agenttest.Identity)
	if err := first.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); ExitStatus(err) != ExitRefused {
		t.Errorf("got %v", err)
	}
}

// TestDeliveryIsGivenUpAfterLinger has the server away from the claim on.
func TestDeliveryIsGivenUpAfterLinger(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, core.ClaimedTask{}, wire.Limits{})
	s.SetFault(func(n int, _ string) agenttest.Fault {
		if n == 1 {
			return agenttest.None
		}
		return agenttest.Drop
	})
	a, _ := newAgent(t, s, agenttest.Identity)
	err := a.Run(t.Context())
	if ExitStatus(err) != ExitUndelivered || !strings.Contains(err.Error(), "did not answer for 100ms") {
		t.Errorf("got %v with status %d", err, ExitStatus(err))
	}
}

func TestTheClaimIsGivenUp(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, core.ClaimedTask{}, wire.Limits{})
	s.SetFault(func(int, string) agenttest.Fault { return agenttest.Unavail })
	a, _ := newAgent(t, s, agenttest.Identity)
	a.cfg.ClaimFor = 200 * time.Millisecond
	if err := a.Run(t.Context()); ExitStatus(err) != ExitUnclaimed {
		t.Errorf("got %v with status %d", err, ExitStatus(err))
	}
}

func TestSecretsOfAClaim(t *testing.T) {
	t.Parallel()
	claim := wire.ClaimResponse{Token: "task-token"}
	claim.Task.Secrets = []core.EnvVar{{Name: "A", Value: "project"}}
	claim.Task.Spec.Pipeline.Source.RepositoryURL = "https://user:pass%40word@example.com/r.git"
	want := []string{"task-token", "jwt", "project", "pass@word"}
	if diff := cmp.Diff(want, secrets(claim, "jwt")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNothingOfTheClustersIsLeft has the build look for the identity and for
// Nomad's socket.
func TestNothingOfTheClustersIsLeft(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, core.ClaimedTask{}, wire.Limits{})
	a, path := newAgent(t, s, agenttest.Identity)
	socket := filepath.Join(filepath.Dir(path), nomadSocket)
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, socket} {
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there after the claim: %v", filepath.Base(file), err)
		}
	}
}
