// SPDX-License-Identifier: MPL-2.0

package configs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// oneOrb is a registry of one orb, whose source and error can be changed.
type oneOrb struct {
	mu     sync.Mutex
	source string
	err    error
}

func (r *oneOrb) set(source string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.source, r.err = source, err
}

func (r *oneOrb) ResolveOrb(_ context.Context, request core.ResolveOrbRequest) (core.ResolvedOrb, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return core.ResolvedOrb{}, r.err
	}
	sum := sha256.Sum256([]byte(r.source))
	locked := core.LockedOrb{Ref: request.Ref, Version: "1.0.0", Digest: hex.EncodeToString(sum[:])}
	return core.ResolvedOrb{LockedOrb: locked, Source: r.source}, nil
}

const (
	usesOrb = "version: 2.1\norbs: {o: acme/o@volatile}\nworkflows: {w: {jobs: [o/j]}}\n"
	says    = "jobs: {j: {machine: true, steps: [run: echo "
)

func TestARememberedResultKnowsItsOrbs(t *testing.T) {
	t.Parallel()
	orbs := &oneOrb{source: says + "one]}}\n"}
	s := running(t, storetest.Open(t, "configs"), func(_ *Config, d *Deps) { d.Orbs = orbs })
	command := func(request core.CompileRequest) string {
		t.Helper()
		result, err := s.Compile(context.Background(), request)
		if err != nil || result.Plan == nil {
			t.Fatal(result.Errors, err)
		}
		return result.Plan.Workflows[0].Jobs[0].Steps[0].Run.Command
	}
	request := core.CompileRequest{Config: usesOrb}
	eventually(t, func() bool { return command(request) == "echo one" && outcomes(s, "remembered") > 0 })
	locked, err := s.Compile(context.Background(), request)
	if err != nil || len(locked.Orbs) != 1 {
		t.Fatal(locked.Orbs, err)
	}

	orbs.set(says+"two]}}\n", nil)
	if got := command(request); got != "echo two" {
		t.Errorf("after the orb changed: got %q", got)
	}
	request.Orbs = locked.Orbs
	if got := command(request); got != "echo one" {
		t.Errorf("with a lock: got %q", got)
	}
	orbs.set("", core.Errorf(core.CodeUnavailable, "away"))
	if got := command(request); got != "echo one" {
		t.Errorf("with a lock and no registry: got %q", got)
	}
	request.Orbs = nil
	if _, err := s.Compile(context.Background(), request); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("without either: got %v", err)
	}
}

func TestAnOrbThatIsNotThereYetIsAskedForAgain(t *testing.T) {
	t.Parallel()
	orbs := &oneOrb{err: core.Errorf(core.CodeNotFound, "")}
	s := running(t, storetest.Open(t, "configs"), func(_ *Config, d *Deps) { d.Orbs = orbs })
	request := core.CompileRequest{Config: usesOrb}
	if result, err := s.Compile(context.Background(), request); err != nil || len(result.Errors) == 0 {
		t.Fatal(result, err)
	}
	orbs.set(says+"x]}}\n", nil)
	if result, err := s.Compile(context.Background(), request); err != nil || result.Plan == nil {
		t.Errorf("got %v, %v", result.Errors, err)
	}
}
