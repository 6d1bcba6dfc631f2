// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/client"
	"github.com/muster-ci/muster/internal/sse"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
)

// recorder keeps what a follower was told.
type recorder struct {
	mu     sync.Mutex
	lines  []string          // one word or two per event
	output map[string]string // by job and step
	names  map[string]string // of jobs by id
	wake   chan struct{}
}

func newRecorder() *recorder {
	return &recorder{output: map[string]string{}, names: map[string]string{}, wake: make(chan struct{}, 1)}
}

func (r *recorder) take(e client.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case e.Pipeline != nil:
		r.lines = append(r.lines, "pipeline "+e.Pipeline.State)
	case e.Workflow != nil:
		r.lines = append(r.lines, e.Workflow.Name+" "+e.Workflow.Status)
	case e.Job != nil:
		r.names[e.Job.ID] = e.Job.Name
		r.lines = append(r.lines, e.Job.Name+" "+e.Job.Status)
	case e.Step != nil:
		r.lines = append(r.lines, e.Step.Name+" "+e.Step.Status)
	case e.Output != nil:
		key := r.names[e.Output.JobID] + "/" + e.Output.AttemptID[len(e.Output.AttemptID)-1:] + "/" + string(rune('0'+e.Output.Step))
		if int64(len(r.output[key])) != e.Output.Offset {
			return errors.New("output of " + key + " has a gap or an overlap")
		}
		r.output[key] += string(e.Output.Bytes())
	case e.End != nil:
		r.lines = append(r.lines, "end "+e.End.Status)
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return nil
}

// until waits until what was told satisfies the condition.
func (r *recorder) until(t *testing.T, what string, met func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		ok := met()
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-r.wake:
		case <-deadline:
			t.Fatalf("%s did not come; told so far: %q %q", what, r.lines, r.output)
		}
	}
}

func (r *recorder) told(line string) func() bool {
	return func() bool {
		for _, l := range r.lines {
			if l == line {
				return true
			}
		}
		return false
	}
}

func (r *recorder) wrote(key, text string) func() bool {
	return func() bool { return r.output[key] == text }
}

// followed starts to follow and returns what waits for the end.
func followed(t *testing.T, s *gatewaytest.Server, transport http.RoundTripper, id string, r *recorder) (wait func()) {
	t.Helper()
	c, err := client.New(s.URL, s.User, transport)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	go func() { done <- c.FollowPipeline(ctx, id, r.take) }()
	t.Cleanup(cancel)
	return func() {
		t.Helper()
		if err := <-done; err != nil {
			t.Fatalf("following: %v; told %d things", err, len(r.lines))
		}
	}
}

func TestFollowAPipelineThatHasEnded(t *testing.T) {
	t.Parallel()
	failing := gatewaytest.JobScript{Name: "test", Requires: []string{"build"}, Steps: []gatewaytest.StepScript{{Name: "Check", Output: "no", ExitCode: 1}}}
	s := serve(t, hello, failing, gatewaytest.JobScript{Name: "deploy", Requires: []string{"test"}})
	p := triggered(t, s, "")
	s.Play()
	r := newRecorder()
	followed(t, s, nil, p.ID, r)()
	want := []string{
		"pipeline created", "main running",
		"build running", "Checkout running", "Checkout success", "Greet running", "Greet success", "build success",
		"test running", "Check running", "Check failed", "test failed",
		"deploy not_run", "main failed", "end failed",
	}
	if diff := cmp.Diff(sorted(want), sorted(r.lines)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	inOrder(t, r.lines, "main running", "build running", "Checkout success", "Greet running", "Greet success", "build success", "main failed", "end failed")
	if diff := cmp.Diff(map[string]string{"build/0/0": "cloning\n", "build/0/1": "hello\nworld\n", "test/1/0": "no"}, r.output); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func sorted(lines []string) map[string]int {
	count := map[string]int{}
	for _, l := range lines {
		count[l]++
	}
	return count
}

// inOrder checks that some lines came in that order.
func inOrder(t *testing.T, lines []string, want ...string) {
	t.Helper()
	at := 0
	for _, l := range lines {
		if at < len(want) && l == want[at] {
			at++
		}
	}
	if at < len(want) {
		t.Errorf("%q did not come in its turn in %q", want[at], lines)
	}
}

func TestFollowLive(t *testing.T) {
	t.Parallel()
	s := serve(t)
	p := triggered(t, s, "")
	r := newRecorder()
	wait := followed(t, s, nil, p.ID, r)
	r.until(t, "the pipeline", r.told("pipeline pending"))
	w := s.AddWorkflow(core.PipelineID(p.ID), "main", hello)
	id := s.JobNamed(w.ID, "build").ID
	s.QueueJob(id)
	r.until(t, "the queued job", r.told("build queued"))
	a := s.StartTask(id, 0)
	step := s.StartStep(a, "Run")
	began := time.Now()
	s.Write(a, step, "first line\n")
	r.until(t, "the first line", r.wrote("build/0/0", "first line\n"))
	t.Logf("the first line of a task came after %s", time.Since(began))
	began = time.Now()
	s.Write(a, step, "second ")
	r.until(t, "a part of a line", r.wrote("build/0/0", "first line\nsecond "))
	t.Logf("a part of a line came after %s", time.Since(began))
	s.Write(a, step, "caf\xc3")
	s.Write(a, step, "\xa9\xff")
	s.EndStep(a, step, 0)
	s.EndJob(id, core.JobSuccess)
	wait()
	if got := r.output["build/0/0"]; got != "first line\nsecond café\xff" {
		t.Errorf("got %q", got)
	}
	inOrder(t, r.lines, "build queued", "build running", "Run running", "Run success", "build success", "main success", "end success")
}

// TestFollowOneJob takes the stream of a single job.
func TestFollowOneJob(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	triggered(t, s, "")
	s.Play()
	r := newRecorder()
	c, err := client.New(s.URL, s.User, nil)
	if err != nil {
		t.Fatal(err)
	}
	found, err := c.Job(t.Context(), slug, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.FollowJob(t.Context(), found.ID, r.take); err != nil {
		t.Fatal(err)
	}
	inOrder(t, r.lines, "build running", "Checkout running", "Greet success", "build success", "end success")
	if r.output["build/0/1"] != "hello\nworld\n" {
		t.Errorf("output: got %q", r.output)
	}
}

// flaky breaks every connection after some bytes.
type flaky struct {
	mu     sync.Mutex
	random *rand.Rand
	breaks int
}

func (f *flaky) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && strings.HasSuffix(r.URL.Path, "/events") {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.breaks++
		response.Body = &breaking{ReadCloser: response.Body, left: 30_000 + f.random.IntN(60_000)}
	}
	return response, err
}

type breaking struct {
	io.ReadCloser
	left int
}

func (b *breaking) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// TestFollowSurvivesLostConnections compares every byte after many of them.
func TestFollowSurvivesLostConnections(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	want := map[string]string{}
	var script []gatewaytest.JobScript
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		j := gatewaytest.JobScript{Name: name}
		for i := range 3 {
			data := make([]byte, random.IntN(25_000))
			for i := range data {
				data[i] = byte(random.UintN(256))
			}
			j.Steps = append(j.Steps, gatewaytest.StepScript{Name: "s", Output: string(data)})
			if len(data) > 0 {
				want[name+"/"+string(name[0]-'a'+'0')+"/"+string(rune('0'+i))] = string(data)
			}
		}
		script = append(script, j)
	}
	s := serve(t, script...)
	p := triggered(t, s, "")
	r := newRecorder()
	cuts := &flaky{random: random}
	followed(t, s, cuts, p.ID, r)()
	if diff := cmp.Diff(want, r.output); diff != "" {
		t.Errorf("output differs (-want +got):\n%s", diff)
	}
	if n := sorted(r.lines)["a success"]; n != 1 {
		t.Errorf("the end of a job was told %d times, want once", n)
	}
	if cuts.breaks < 3 {
		t.Errorf("only %d connections were cut; the test shows nothing", cuts.breaks)
	}
}

// TestFollowALostAttempt has a step that nobody ends and a second attempt.
func TestFollowALostAttempt(t *testing.T) {
	t.Parallel()
	s := serve(t)
	p := triggered(t, s, "")
	w := s.AddWorkflow(core.PipelineID(p.ID), "main", hello)
	id := s.JobNamed(w.ID, "build").ID
	s.QueueJob(id)
	lost := s.StartTask(id, 0)
	s.Write(lost, s.StartStep(lost, "Lost"), "cut of")
	r := newRecorder()
	wait := followed(t, s, nil, p.ID, r)
	r.until(t, "the output of the first attempt", r.wrote("build/0/0", "cut of"))
	second := s.StartTask(id, 0)
	step := s.StartStep(second, "Again")
	s.Write(second, step, "whole")
	s.EndStep(second, step, 0)
	s.EndJob(id, core.JobSuccess)
	wait()
	inOrder(t, r.lines, "Lost running", "Lost infrastructure_fail", "build success", "end success")
	if r.output["build/1/0"] != "whole" {
		t.Errorf("output: got %q", r.output)
	}
}

// TestFollowThroughAnOutage has services away for a while.
func TestFollowThroughAnOutage(t *testing.T) {
	t.Parallel()
	s := serve(t)
	p := triggered(t, s, "")
	w := s.AddWorkflow(core.PipelineID(p.ID), "main", hello)
	id := s.JobNamed(w.ID, "build").ID
	r := newRecorder()
	wait := followed(t, s, nil, p.ID, r)
	r.until(t, "the job", r.told("build blocked"))
	for _, method := range []string{"PipelineWorkflows", "ReadOutput"} {
		s.SetAway(method, true)
	}
	s.QueueJob(id)
	a := s.StartTask(id, 0)
	step := s.StartStep(a, "Run")
	s.Write(a, step, "bytes")
	calls := s.Calls("PipelineWorkflows")
	s.AwaitCalls("PipelineWorkflows", calls+1)
	s.SetAway("PipelineWorkflows", false)
	r.until(t, "the step", r.told("Run running"))
	s.SetAway("ReadOutput", false)
	r.until(t, "the output", r.wrote("build/0/0", "bytes"))
	s.EndStep(a, step, 0)
	s.EndJob(id, core.JobSuccess)
	wait()
}

// TestReadersShareAWatch counts that asking does not grow with the readers.
func TestReadersShareAWatch(t *testing.T) {
	t.Parallel()
	s := serve(t)
	p := triggered(t, s, "")
	var waits []func()
	var readers []*recorder
	for range 8 {
		r := newRecorder()
		waits, readers = append(waits, followed(t, s, nil, p.ID, r)), append(readers, r)
	}
	for _, r := range readers {
		r.until(t, "the pipeline", r.told("pipeline pending"))
	}
	began, calls := time.Now(), s.Calls("Pipeline")
	s.AwaitCalls("Pipeline", calls+5)
	if each := time.Since(began) / 5; each < 30*time.Millisecond {
		t.Errorf("the pipeline was asked for every %s, want every 50ms or less often", each)
	}
	s.AddWorkflow(core.PipelineID(p.ID), "main", gatewaytest.JobScript{Name: "x"})
	if err := s.CancelPipeline(t.Context(), core.PipelineID(p.ID)); err != nil {
		t.Fatal(err)
	}
	for i, wait := range waits {
		wait()
		inOrder(t, readers[i].lines, "x canceled", "main canceled", "end canceled")
	}
}

func TestRevokedTokensEndStreams(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.Gateway.SetRecheck(5 * time.Millisecond)
	p := triggered(t, s, "")
	c, err := client.New(s.URL, s.User, nil)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := c.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder()
	done := make(chan error, 1)
	go func() { done <- c.FollowPipeline(t.Context(), p.ID, r.take) }()
	r.until(t, "the pipeline", r.told("pipeline pending"))
	if err := s.RevokeToken(t.Context(), core.TokenID(tokens[0].ID)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !client.IsStatus(err, http.StatusUnauthorized) {
		t.Errorf("got %v, want the stream to end and its return to be refused", err)
	}
}

func TestStreamsAreLimited(t *testing.T) {
	t.Parallel()
	s := serve(t)
	p := triggered(t, s, "")
	path := "/api/muster/v1/pipelines/" + p.ID + "/events"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 50 {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Circle-Token", s.User)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
	}
	refused(t, send(t, s, http.MethodGet, path, "", "Circle-Token", s.User), http.StatusTooManyRequests)
}

// TestStreamOfAStep resumes in the middle.
func TestStreamOfAStep(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	triggered(t, s, "")
	s.Play()
	c, err := client.New(s.URL, s.User, nil)
	if err != nil {
		t.Fatal(err)
	}
	job, err := c.Job(t.Context(), slug, 1)
	if err != nil {
		t.Fatal(err)
	}
	path := "/api/muster/v1/jobs/" + job.ID + "/tasks/0/steps/1/stream"
	a := send(t, s, http.MethodGet, path, "", "Last-Event-ID", "6")
	reader := sse.NewReader(strings.NewReader(string(a.body)))
	first, err := reader.Next()
	if err != nil {
		t.Fatal(err)
	}
	output, err := sse.ParseOutput(first)
	if err != nil || output.Text != "world\n" || output.Offset != 6 || first.ID != "12" {
		t.Errorf("got %+v, %v", output, err)
	}
	if last, err := reader.Next(); err != nil || last.Name != sse.EndEvent {
		t.Errorf("got %+v, %v, want the end", last, err)
	}
	refused(t, send(t, s, http.MethodGet, path, "", "Last-Event-ID", "x"), http.StatusBadRequest)
	refused(t, send(t, s, http.MethodGet, "/api/muster/v1/jobs/"+job.ID+"/events", "", "Last-Event-ID", "x"), http.StatusBadRequest)
}
