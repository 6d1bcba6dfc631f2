// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/testx"
)

// The service that a crowd works on is a process of its own, so that what it
// has of memory is the service's: this test binary once more, which runs the
// test named here with an order in its environment.
const (
	crowdVariable = "MUSTER_TEST_CROWD"
	crowdTest     = "TestManyTasksAtOnce"
)

// crowdOrder is what the service is asked for.
type crowdOrder struct {
	Store store.Config
	Tasks int
	Steps int // of the first task; the others have one
}

// crowdPlace is its answer.
type crowdPlace struct {
	URL   string
	Tasks []crowdTask
}

// crowdTask is a task that runs, with its step begun.
type crowdTask struct {
	ID    core.AttemptID
	Token string
	Told  int64 // bytes of events
}

// serveCrowd serves until its input ends. Each line of that is answered with
// the most memory since the one before.
func serveCrowd(t *testing.T, text string) {
	var order crowdOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		t.Fatal(err)
	}
	h := newHarness(t, func() *store.DB {
		db, err := store.Open(context.Background(), order.Store, "output")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}, Config{})
	h.service.bodyTime = 10 * time.Minute // who is starved shows by waiting, not by a limit
	place := crowdPlace{URL: h.server.URL}
	for n := range order.Tasks {
		a := h.claimed()
		a.run(0)
		for step := 1; n == 0 && step < order.Steps; step++ {
			a.run(step)
		}
		place.Tasks = append(place.Tasks, crowdTask{a.id, a.token, a.events})
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(place); err != nil {
		t.Fatal(err)
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		peak := testx.PeakMemory()
		testx.ForgetPeak()
		if err := out.Encode(peak); err != nil {
			t.Fatal(err)
		}
	}
}

// crowdService is the process as its users have it.
type crowdService struct {
	crowdPlace
	in  io.WriteCloser
	out *json.Decoder
}

// startCrowd starts the process on a database.
func startCrowd(t testing.TB, cfg store.Config, tasks, steps int) *crowdService {
	t.Helper()
	order, err := json.Marshal(crowdOrder{cfg, tasks, steps})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+crowdTest+"$", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s", crowdVariable, order))
	cmd.Stderr = os.Stderr
	s := &crowdService{}
	if s.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.in.Close()
		rest, _ := io.ReadAll(io.MultiReader(s.out.Buffered(), out))
		if err := cmd.Wait(); err != nil {
			t.Errorf("the service: %v: %s", err, rest)
		}
	})
	s.out = json.NewDecoder(out)
	if err := s.out.Decode(&s.crowdPlace); err != nil {
		rest, _ := io.ReadAll(io.MultiReader(s.out.Buffered(), out))
		t.Fatalf("starting the service: %v: %s", err, rest)
	}
	return s
}

// peak returns the most memory of the process since the call before.
func (s *crowdService) peak(t testing.TB) int64 {
	t.Helper()
	var peak int64
	if _, err := io.WriteString(s.in, "peak\n"); err != nil {
		t.Fatal(err)
	}
	if err := s.out.Decode(&peak); err != nil {
		t.Fatal(err)
	}
	return peak
}
