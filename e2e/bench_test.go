// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	nomad "github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/e2e/cluster"
	"github.com/muster-ci/muster/e2e/scenario"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/client"
)

const (
	// rounds is how often each of the two is measured; they take turns, so that
	// other work on the machine meets both.
	rounds          = 20
	buildsNamespace = "muster-builds"
	// patience bounds one measurement.
	patience = time.Minute
)

// BenchmarkTriggerToFirstLine compares two ways to a line of a process on this
// Nomad: from the trigger by HTTP API to the line in the hands of a subscriber
// of the gateway's events, and from the registration of a bare batch job to the
// line on a socket. It reports the median of both in milliseconds and their
// ratio, and says for each where the time went.
func BenchmarkTriggerToFirstLine(b *testing.B) {
	c, p := clusterAsItIs(b)
	direct := newBare(b, c)
	slug := p.Project(b, "first-line")
	ours, theirs := newStages(), newStages()
	for b.Loop() {
		direct.run(b, newStages()) // both once for nothing: connections, caches
		throughMuster(b, p, direct.nomad, slug, newStages())
		for range rounds {
			throughMuster(b, p, direct.nomad, slug, ours)
			direct.run(b, theirs)
		}
	}
	// Not Logf, which cuts a benchmark's text short.
	fmt.Printf("\nmuster, median ms after the trigger:\n%sbare job, median ms after the registration:\n%s", ours, theirs)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ours.median(lineSeen), "muster-p50-ms")
	b.ReportMetric(theirs.median(lineSeen), "bare-p50-ms")
	b.ReportMetric(ours.median(lineSeen)/theirs.median(lineSeen), "ratio")
}

// clusterAsItIs measures what MUSTER_E2E_KEEP has left standing without
// deploying anew, and brings the cluster up otherwise.
func clusterAsItIs(b *testing.B) (*cluster.Cluster, *scenario.Platform) {
	b.Helper()
	if os.Getenv("MUSTER_E2E_KEEP") != "" {
		if c, p, err := standing(b.Context()); err == nil {
			return c, p
		}
	}
	c, err := up()
	if err != nil {
		b.Fatalf("bringing the cluster up: %v", err)
	}
	api, err := c.Client(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return c, &scenario.Platform{Client: api}
}

func standing(ctx context.Context) (*cluster.Cluster, *scenario.Platform, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return nil, nil, err
	}
	c, err := cluster.New(root, filepath.Join(root, ".muster-cluster"), os.Stdout)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	api, err := c.Client(ctx)
	if err != nil {
		return nil, nil, err
	}
	if _, err := api.Me(ctx); err != nil {
		return nil, nil, err
	}
	return c, &scenario.Platform{Client: api}, nil
}

// stages collects moments of runs by name, in milliseconds after the start.
type stages map[string][]float64

// lineSeen is the stage that ends a run.
const lineSeen = "line seen"

func newStages() stages { return stages{} }

func (s stages) add(name string, began, at time.Time) {
	if !at.IsZero() {
		s[name] = append(s[name], float64(at.Sub(began).Microseconds())/1000)
	}
}

func (s stages) median(name string) float64 {
	values := slices.Sorted(slices.Values(s[name]))
	if len(values) == 0 {
		return 0
	}
	return values[len(values)/2]
}

// String lists the stages in the order in which they came.
func (s stages) String() string {
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int { return cmp.Compare(s.median(x), s.median(y)) })
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "  %8.1f  %s\n", s.median(name), name)
	}
	return text.String()
}

// addAllocation adds what Nomad noted of a job's only allocation. One that
// Nomad has collected as garbage meanwhile is left out: the stages explain, and
// what is measured does not depend on them.
func (s stages) addAllocation(b *testing.B, n *nomad.Client, job string, began time.Time) {
	b.Helper()
	options := (&nomad.QueryOptions{Namespace: buildsNamespace}).WithContext(b.Context())
	stubs, _, err := n.Jobs().Allocations(job, true, options)
	if err != nil {
		b.Fatalf("asking for the allocation of %s: %v", job, err)
	}
	if len(stubs) != 1 {
		return
	}
	allocation, _, err := n.Allocations().Info(stubs[0].ID, options)
	if err != nil {
		return
	}
	if allocation.Job != nil && allocation.Job.SubmitTime != nil {
		s.add("nomad: job registered", began, time.Unix(0, *allocation.Job.SubmitTime))
	}
	s.add("nomad: allocation created", began, time.Unix(0, allocation.CreateTime))
	for _, task := range allocation.TaskStates {
		for _, e := range task.Events {
			if e.Type != "Terminated" && e.Type != "Killing" && e.Type != "Killed" {
				s.add("nomad: task "+strings.ToLower(e.Type), began, time.Unix(0, e.Time))
			}
		}
	}
}

// stamp is a shell command whose output is the time, as one line.
const stamp = "date +%s%N"

func (s stages) addStamp(b *testing.B, line string, began time.Time) {
	b.Helper()
	nanos, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		b.Fatalf("the line is %q and not the time: %v", line, err)
	}
	s.add("command ran", began, time.Unix(0, nanos))
}

const firstLine = `version: 2.1
jobs:
  build:
    machine: true
    steps:
      - run:
          name: Say
          command: ` + stamp + "\n"

// throughMuster triggers a pipeline and follows it to the line of its command,
// and then to its end, so that the next run finds the machine as quiet. The
// lines that the agent writes before that are not what a person waits for; the
// first of them is a stage of its own.
func throughMuster(b *testing.B, p *scenario.Platform, n *nomad.Client, slug string, s stages) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	began := time.Now()
	triggered, err := p.Client.Trigger(ctx, slug, api.TriggerRequest{Config: firstLine, Branch: "main"}, "")
	if err != nil {
		b.Fatalf("triggering: %v", err)
	}
	s.add("trigger answered", began, time.Now())
	f := follower{step: -1, shown: map[string]time.Time{}}
	if err := p.Client.FollowPipeline(ctx, triggered.ID, f.take); err != nil {
		b.Fatalf("following: %v", err)
	}
	if f.shown[lineSeen].IsZero() {
		b.Fatalf("the pipeline ended without a line of its command; seen: %v", f.shown)
	}
	for name, at := range f.shown {
		s.add(name, began, at)
	}
	s.addStamp(b, f.line.String(), began)
	awaitEnd(b, n, f.attempt)
	s.addAllocation(b, n, f.attempt, began)
	s.addTimes(b, p, slug, triggered.ID, began)
}

// follower notes when events came for the first time.
type follower struct {
	shown   map[string]time.Time
	attempt string
	step    int // the command's
	line    strings.Builder
}

func (f *follower) take(e client.Event) error {
	switch {
	case e.Job != nil:
		f.note("shown: job " + e.Job.Status)
	case e.Step != nil && e.Step.Name == "Say":
		f.step = e.Step.Number
		f.note("shown: step " + e.Step.Status)
	case e.Output != nil && e.Output.Step == f.step:
		f.note(lineSeen)
		f.attempt = e.Output.AttemptID
		f.line.Write(e.Output.Bytes())
	case e.Output != nil:
		f.note("shown: the agent's first line")
	}
	return nil
}

func (f *follower) note(name string) {
	if f.shown[name].IsZero() {
		f.shown[name] = time.Now()
	}
}

// addTimes adds what Muster itself noted.
func (s stages) addTimes(b *testing.B, p *scenario.Platform, slug, id string, began time.Time) {
	b.Helper()
	state, err := p.Look(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	s.add("pipeline created", began, state.Pipeline.CreatedAt)
	s.add("workflow created", began, state.Workflows[0].CreatedAt)
	job, err := p.Client.Job(b.Context(), slug, state.Job(b, "build").JobNumber)
	if err != nil {
		b.Fatal(err)
	}
	for name, at := range map[string]*time.Time{"job queued": job.QueuedAt, "job started": job.StartedAt} {
		if at != nil {
			s.add(name, began, *at)
		}
	}
}

// bare registers batch jobs that write one line to a socket.
type bare struct {
	nomad    *nomad.Client
	listener net.Listener
	pool     string
	cpu      int
	memory   int
	count    int
}

// newBare takes the size and the pool of the machine executor's default class.
func newBare(b *testing.B, c *cluster.Cluster) *bare {
	b.Helper()
	token, err := os.ReadFile(filepath.Join(c.Dir, "nomad.token"))
	if err != nil {
		b.Fatal(err)
	}
	n, err := nomad.NewClient(&nomad.Config{Address: cluster.NomadAddress, SecretID: strings.TrimSpace(string(token)), Namespace: buildsNamespace})
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { listener.Close() })
	return &bare{nomad: n, listener: listener, pool: "default", cpu: 2000, memory: 7680}
}

// run registers one, waits for its line, and purges it once its process has
// ended.
func (d *bare) run(b *testing.B, s stages) {
	b.Helper()
	d.count++
	id := fmt.Sprintf("bench-%d-%d", os.Getpid(), d.count)
	job := d.job(id)
	write := (&nomad.WriteOptions{Namespace: buildsNamespace}).WithContext(b.Context())
	defer func() {
		if _, _, err := d.nomad.Jobs().Deregister(id, true, write); err != nil {
			b.Errorf("purging %s: %v", id, err)
		}
	}()
	began := time.Now()
	if _, _, err := d.nomad.Jobs().Register(job, write); err != nil {
		b.Fatalf("registering: %v", err)
	}
	answered := time.Now()
	if err := d.listener.(*net.TCPListener).SetDeadline(began.Add(patience)); err != nil {
		b.Fatal(err)
	}
	conn, err := d.listener.Accept()
	if err != nil {
		b.Fatalf("waiting for the line of %s: %v", id, err)
	}
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		b.Fatalf("reading the line of %s: %v", id, err)
	}
	s.add(lineSeen, began, time.Now())
	s.add("registration answered", began, answered)
	s.addStamp(b, line, began)
	awaitEnd(b, d.nomad, id)
	s.addAllocation(b, d.nomad, id, began)
}

func (d *bare) job(id string) *nomad.Job {
	task := nomad.NewTask("line", "raw_exec").
		SetConfig("command", "/bin/bash").
		SetConfig("args", []string{"-c", stamp + " > /dev/tcp/127.0.0.1/" + strconv.Itoa(d.listener.Addr().(*net.TCPAddr).Port)}).
		Require(&nomad.Resources{CPU: &d.cpu, MemoryMB: &d.memory})
	group := nomad.NewTaskGroup("task", 1).AddTask(task)
	job := nomad.NewBatchJob(id, id, "global", 50).AddTaskGroup(group)
	namespace := buildsNamespace
	job.Namespace, job.NodePool = &namespace, &d.pool
	return job
}

// awaitEnd waits until Nomad knows that the only allocation of a job has ended,
// or has forgotten it, so that the next run has the machine for itself.
func awaitEnd(b *testing.B, n *nomad.Client, id string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	options := (&nomad.QueryOptions{Namespace: buildsNamespace, WaitTime: 10 * time.Second}).WithContext(ctx)
	for {
		stubs, meta, err := n.Jobs().Allocations(id, true, options)
		if err != nil {
			b.Fatalf("waiting for the end of %s: %v", id, err)
		}
		if len(stubs) == 0 || stubs[0].ClientStatus == nomad.AllocClientStatusComplete {
			return
		}
		options.WaitIndex = meta.LastIndex
	}
}
