// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/internal/httpx/httpxtest"
	"github.com/muster-ci/muster/internal/objects"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
	"github.com/muster-ci/muster/internal/workload"
)

// fakePlacements grants claims as placements does: to the allocation that it
// placed, and to one process of it.
type fakePlacements struct {
	core.Placements
	reported chan struct{} // capacity 1: reports has grown

	mu      sync.Mutex
	placed  map[core.AttemptID]string // allocation
	nonces  map[core.AttemptID]string
	tasks   map[core.AttemptID]core.ClaimedTask
	reports []core.AgentReport
	away    bool
}

func (p *fakePlacements) Claim(_ context.Context, c core.Claim) (core.ClaimedTask, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.placed[c.Attempt] == "":
		return core.ClaimedTask{}, core.Errorf(core.CodeNotFound, "attempt %s is not known", c.Attempt)
	case p.placed[c.Attempt] != c.Allocation:
		return core.ClaimedTask{}, core.Errorf(core.CodeForbidden, "allocation %s is not the attempt's", c.Allocation)
	case p.nonces[c.Attempt] != "" && p.nonces[c.Attempt] != c.Nonce:
		return core.ClaimedTask{}, core.Errorf(core.CodeConflict, "attempt %s is claimed", c.Attempt)
	}
	if c.Unfit != "" {
		return core.ClaimedTask{}, core.Errorf(core.CodeConflict, "%s", c.Unfit)
	}
	p.nonces[c.Attempt] = c.Nonce
	return p.tasks[c.Attempt], nil
}

func (p *fakePlacements) Containers(_ context.Context, id core.AttemptID) ([]core.Container, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tasks[id].Containers, nil
}

func (p *fakePlacements) ReportAgents(_ context.Context, reports []core.AgentReport) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return core.Errorf(core.CodeUnavailable, "placements is away")
	}
	p.reports = append(p.reports, reports...)
	select {
	case p.reported <- struct{}{}:
	default:
	}
	return nil
}

func (p *fakePlacements) place(id core.AttemptID, allocation string, task core.ClaimedTask) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.placed[id], p.tasks[id] = allocation, task
}

// harness is a service with everything around it, which can be killed and
// brought back on the same database.
type harness struct {
	t          testing.TB
	open       func() *store.DB
	cfg        Config
	clock      atomic.Int64 // microseconds
	placements *fakePlacements
	results    *fakeResults
	tokens     *fakeTokens
	siblings   fakeSiblings
	issuer     *workload.Local
	objects    *objects.Store
	sealer     *secrets.Keyset
	server     *httptest.Server
	handler    atomic.Value // http.Handler
	service    *Service
	hints      *hints.Local
	kill       func()
}

const readerToken = "a-personal-token"

func newHarness(t testing.TB, open func() *store.DB, cfg Config) *harness {
	t.Helper()
	h := &harness{t: t, open: open, cfg: cfg, hints: hints.NewLocal(), placements: &fakePlacements{
		reported: make(chan struct{}, 1), placed: map[core.AttemptID]string{},
		nonces: map[core.AttemptID]string{}, tasks: map[core.AttemptID]core.ClaimedTask{},
	}}
	h.tokens = &fakeTokens{}
	h.results = &fakeResults{known: map[core.ArchiveID]core.TestUpload{}, came: make(chan struct{}, 1)}
	h.clock.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMicro())
	var err error
	if h.issuer, err = workload.NewLocal(t.TempDir(), wire.Audience, h.now); err != nil {
		t.Fatal(err)
	}
	if h.objects, err = objects.Open(context.Background(), "file://"+t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if h.sealer, err = secrets.NewKeyset(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	h.handler.Store(http.HandlerFunc(http.NotFound))
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.handler.Load().(http.HandlerFunc)(w, r)
	}))
	h.start()
	t.Cleanup(func() {
		h.kill()
		h.server.Close()
		h.objects.Close()
	})
	return h
}

// sqlite opens a harness on SQLite alone.
func sqlite(t testing.TB, cfg Config) *harness {
	t.Helper()
	db := storetest.Open(t, "output")
	return newHarness(t, func() *store.DB { return db }, cfg)
}

func (h *harness) now() time.Time { return time.UnixMicro(h.clock.Load()).UTC() }

func (h *harness) advance(d time.Duration) { h.clock.Add(d.Microseconds()) }

// start makes a new service on the database and waits until it is ready.
func (h *harness) start() {
	h.t.Helper()
	service, err := New(h.cfg, Deps{
		Logger: hclog.NewNullLogger(), Clock: h.now, DB: h.open(), Hints: h.hints, Metrics: prometheus.NewRegistry(),
		Objects: h.objects, Verifier: h.issuer, Sealer: h.sealer, Peers: Peers{Placements: h.placements, Results: h.results, JobTokens: h.tokens, Siblings: &h.siblings, Readers: func(_ context.Context, token string) (core.UserID, error) {
			if !strings.HasPrefix(token, readerToken) {
				return "", core.Errorf(core.CodeUnauthorized, "the token is not valid")
			}
			return core.UserID(token), nil
		}},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	h.service = service
	h.kill = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("running: %v", err)
		}
	})
	engine := httpx.NewEngine(hclog.NewNullLogger())
	service.AgentRoutes(engine)
	service.ReaderRoutes(engine)
	service.Routes(engine.Group("/output/v1", httpxtest.From("gateway")))
	// The first commit waits for the migrations, as everything else does.
	for !service.migrated.Load() {
		select {
		case err := <-ended:
			h.t.Fatalf("running: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	h.handler.Store(http.HandlerFunc(engine.ServeHTTP))
}

func (h *harness) restart() {
	h.t.Helper()
	h.kill()
	h.start()
}

// agent is a claimed attempt.
type agent struct {
	h          *harness
	id         core.AttemptID
	task       core.TaskID
	allocation string
	token      string
	events     int64 // bytes told
}

// place makes an attempt that can be claimed.
func (h *harness) place() *agent {
	a := &agent{h: h, id: core.NewAttemptID(), task: core.TaskID(core.NewID()), allocation: core.NewID()}
	h.placements.place(a.id, a.allocation, core.ClaimedTask{
		Attempt: core.Attempt{ID: a.id, Task: a.task, Number: 1},
		Spec:    core.TaskSpec{Task: a.task},
		Secrets: []core.EnvVar{{Name: "SECRET", Value: "canary-in-the-task"}},
	})
	return a
}

const nonce = "nonce-0123456789abcdef"

func (a *agent) identity(claims workload.Claims) string {
	a.h.t.Helper()
	token, err := a.h.issuer.Issue(claims, time.Hour)
	if err != nil {
		a.h.t.Fatal(err)
	}
	return token
}

func (a *agent) self() workload.Claims {
	return workload.Claims{JobID: string(a.id), AllocationID: a.allocation, Task: "build", Namespace: "default"}
}

// claim claims and keeps the token.
func (a *agent) claim() wire.ClaimResponse {
	a.h.t.Helper()
	var out wire.ClaimResponse
	status := a.h.call("POST", wire.PathClaim, a.identity(a.self()), wire.ClaimRequest{Nonce: nonce, AgentVersion: "1", Host: "here"}, &out)
	if status != http.StatusOK {
		a.h.t.Fatalf("claim: got %d, want 200", status)
	}
	a.token = out.Token
	return out
}

// claimed places and claims.
func (h *harness) claimed() *agent {
	h.t.Helper()
	a := h.place()
	a.claim()
	return a
}

// call sends JSON and decodes JSON, whatever the status.
func (h *harness) call(method, path, token string, in, out any) int {
	h.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.send(method, path, token, "", bytes.NewReader(body), out)
}

func (h *harness) send(method, path, token, encoding string, body io.Reader, out any) int {
	h.t.Helper()
	request, err := http.NewRequest(method, h.server.URL+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if encoding != "" {
		request.Header.Set("Content-Encoding", encoding)
	}
	response, err := h.server.Client().Do(request)
	if err != nil {
		h.t.Errorf("%s %s: %v", method, path, err)
		return 0
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Errorf("%s %s: %v", method, path, err)
		return 0
	}
	if out != nil && len(data) > 0 {
		if err := json.Unmarshal(data, out); err != nil {
			h.t.Errorf("%s %s: got %q: %v", method, path, data, err)
		}
	}
	return response.StatusCode
}

// frames sends frames and returns the status and the lengths in the answer.
func (a *agent) frames(frames ...wire.Frame) (int, wire.Acks) {
	a.h.t.Helper()
	var body []byte
	for _, f := range frames {
		body = wire.AppendFrame(body, f)
	}
	var answer struct {
		wire.Acks
		Message string `json:"message"`
	}
	status := a.h.send("POST", wire.PathFrames, a.token, "", bytes.NewReader(body), &answer)
	return status, answer.Acks
}

// must sends frames that are to be taken.
func (a *agent) must(frames ...wire.Frame) wire.Acks {
	a.h.t.Helper()
	status, acks := a.frames(frames...)
	if status != http.StatusOK {
		a.h.t.Fatalf("frames: got %d, want 200", status)
	}
	return acks
}

func line(e wire.Event) []byte {
	data, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return append(data, '\n')
}

// tell sends events behind those told before.
func (a *agent) tell(events ...wire.Event) {
	a.h.t.Helper()
	var frames []wire.Frame
	for _, e := range events {
		if e.At.IsZero() {
			e.At = a.h.now()
		}
		data := line(e)
		frames = append(frames, wire.Frame{Stream: wire.EventStream, Offset: a.events, Data: data})
		a.events += int64(len(data))
	}
	a.must(frames...)
}

// run tells that a step has begun.
func (a *agent) run(step int) {
	a.h.t.Helper()
	a.tell(wire.Event{Type: wire.StepStarted, Step: step, Name: fmt.Sprintf("step %d", step), Kind: "run", Command: "make"})
}

func (a *agent) finish(step int) {
	a.h.t.Helper()
	code := 0
	a.tell(wire.Event{Type: wire.StepEnded, Step: step, StepStatus: core.StepSuccess, ExitCode: &code})
}

func (a *agent) end() {
	a.h.t.Helper()
	a.tell(wire.Event{Type: wire.TaskEnded, Status: core.JobSuccess})
}

// write sends output of a step in frames of one request each.
func (a *agent) write(step int, offset int64, data []byte) {
	a.h.t.Helper()
	for len(data) > 0 {
		n := min(len(data), wire.MaxFrame)
		a.must(wire.Frame{Stream: wire.StepStream(step), Offset: offset, Data: data[:n]})
		data, offset = data[n:], offset+int64(n)
	}
}

// read returns the bytes of a step from an offset.
func (a *agent) read(r core.OutputRange) []byte {
	a.h.t.Helper()
	r.Attempt = a.id
	body, err := a.h.service.ReadOutput(context.Background(), r)
	if err != nil {
		a.h.t.Fatalf("opening output: %v", err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		a.h.t.Fatalf("reading output: %v", err)
	}
	return data
}

// row reads the attempt.
func (a *agent) row() *attemptRow {
	a.h.t.Helper()
	rows, err := a.h.service.lockAttempts(context.Background(), a.h.service.deps.DB, []core.AttemptID{a.id})
	if err != nil || len(rows) != 1 {
		a.h.t.Fatalf("reading attempt: got %d rows, %v", len(rows), err)
	}
	return rows[0]
}

// seal takes the attempt as far as the clock allows.
func (a *agent) seal() *attemptRow {
	a.h.t.Helper()
	row := a.row()
	a.h.service.advance(context.Background(), row)
	return a.row()
}

// text is log-like text that compresses as such.
func text(n int) []byte {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%08d building package github.com/example/project/part%d took %dms\n", i, i%97, i*7919%1000)
	}
	return []byte(b.String()[:n])
}

func compressed(data []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	defer w.Close()
	return w.EncodeAll(data, nil)
}
