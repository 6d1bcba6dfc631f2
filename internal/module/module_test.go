// SPDX-License-Identifier: MPL-2.0

package module_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/muster-ci/muster/internal/module"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal writes down what happens in which order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

// part is a module that journals its life; ready becomes true in its Run.
func (j *journal) part(name string) module.Module {
	var ready atomic.Bool
	return module.Module{
		Name: name,
		Run: func(ctx context.Context) error {
			j.add("start " + name)
			ready.Store(true)
			<-ctx.Done()
			j.add("stop " + name)
			return nil
		},
		Ready: func(context.Context) error {
			if !ready.Load() {
				return errors.New("starting")
			}
			return nil
		},
	}
}

// signal is a module that closes started when its turn comes, so that a test
// knows that all before it are ready.
func signal(started chan<- struct{}) module.Module {
	return module.Module{Name: "signal", Run: func(ctx context.Context) error {
		close(started)
		<-ctx.Done()
		return nil
	}}
}

func TestStartsInOrderAndStopsInReverse(t *testing.T) {
	t.Parallel()
	j := &journal{}
	started := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- module.Run(ctx, hclog.NewNullLogger(), []module.Module{j.part("a"), j.part("b"), j.part("c"), signal(started)})
	}()
	<-started
	cancel()
	if err := <-done; err != nil {
		t.Fatalf("got %v, want no error", err)
	}
	want := []string{"start a", "start b", "start c", "stop c", "stop b", "stop a"}
	if diff := cmp.Diff(want, j.lines); diff != "" {
		t.Errorf("order differs (-want +got):\n%s", diff)
	}
}

func TestFirstFailureStopsTheOthers(t *testing.T) {
	t.Parallel()
	j := &journal{}
	boom := errors.New("boom")
	failing := module.Module{Name: "bad", Run: func(context.Context) error { return boom }}
	err := module.Run(t.Context(), hclog.NewNullLogger(), []module.Module{j.part("a"), failing})
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), "module bad") {
		t.Errorf("got %v, want the failure of module bad", err)
	}
	if want := []string{"start a", "stop a"}; !slices.Equal(want, j.lines) {
		t.Errorf("got %v, want %v", j.lines, want)
	}
}

func TestReturningWithoutBeingAskedIsAFailure(t *testing.T) {
	t.Parallel()
	idle := module.Module{Name: "idle", Run: func(context.Context) error { return nil }}
	if err := module.Run(t.Context(), hclog.NewNullLogger(), []module.Module{idle}); err == nil {
		t.Error("got no error for a module that ended by itself")
	}
}

// TestStress runs many managers at once and ends each at a random moment, also
// in the middle of starting; none may leak a goroutine or report an error.
func TestStress(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for worker := range 10 {
		wg.Go(func() {
			for round := range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				j := &journal{}
				modules := make([]module.Module, 5)
				for i := range modules {
					modules[i] = j.part(fmt.Sprint(i))
				}
				at := rand.IntN(len(modules) + 1)
				modules = slices.Insert(modules, at, module.Module{Name: "cancel", Run: func(own context.Context) error {
					cancel()
					<-own.Done()
					return nil
				}})
				if err := module.Run(ctx, hclog.NewNullLogger(), modules); err != nil {
					t.Errorf("worker %d round %d: %v", worker, round, err)
				}
				checkReverse(t, j.lines)
			}
		})
	}
	wg.Wait()
}

// checkReverse asks that what was started was stopped, in reverse.
func checkReverse(t *testing.T, lines []string) {
	t.Helper()
	var open []string
	for _, line := range lines {
		verb, name, _ := strings.Cut(line, " ")
		switch {
		case verb == "start":
			open = append(open, name)
		case len(open) == 0 || open[len(open)-1] != name:
			t.Errorf("stop of %s out of order in %v", name, lines)
			return
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) != 0 {
		t.Errorf("%v were never stopped", open)
	}
}
