// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/jobspec"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

const carriedVersion = "0123456789ab"

// clients answers as a Nomad with so many clients, some of which carry the
// agent, and keeps the jobs that are registered.
type clients struct {
	all, carry, lists atomic.Int32
	away, forbidden   atomic.Bool
	jobs              chan *api.Job
}

func (c *clients) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case c.away.Load() && r.URL.Path == "/v1/nodes":
		w.WriteHeader(http.StatusInternalServerError)
	case r.URL.Path == "/v1/nodes":
		c.lists.Add(1)
		n, filter := c.all.Load(), r.URL.Query().Get("filter")
		if strings.Contains(filter, fmt.Sprintf("%s contains %q", jobspec.AgentMeta, carriedVersion)) {
			n = c.carry.Load()
		}
		if !strings.Contains(filter, `NodePool == "default"`) {
			n = 0
		}
		_ = json.NewEncoder(w).Encode(make([]api.NodeListStub, n))
	default:
		var request api.JobRegisterRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if c.forbidden.Load() && len(request.Job.TaskGroups[0].Constraints) > 0 {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		c.jobs <- request.Job
		_, _ = w.Write([]byte("{}"))
	}
}

// TestAgentOfClients has the job use the agent that clients carry where all of
// them do, and the archive everywhere else.
func TestAgentOfClients(t *testing.T) {
	t.Parallel()
	site := &clients{jobs: make(chan *api.Job, 1)}
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	c := newCarried(t, server.URL, jobspec.Agent{Source: "http://output/agent.tar.gz", Checksum: "sha256:00", Path: "/opt/agent-1", Version: carriedVersion})
	now := time.Now()
	c.carriers.now = func() time.Time { return now }
	for _, step := range []struct {
		all, carry int32
		away, wait bool
		forbidden  bool
		carried    bool
		lists      int32 // so far
	}{
		{all: 2, carry: 1, lists: 2},
		{all: 2, carry: 2, lists: 2}, // not asked again so soon
		{all: 2, carry: 2, wait: true, carried: true, lists: 4},
		{all: 3, carry: 2, wait: true, lists: 6},
		{all: 0, carry: 0, wait: true, lists: 8},
		{all: 1, carry: 1, wait: true, away: true, lists: 8},
		{all: 1, carry: 1, carried: true, lists: 10}, // a failure is not remembered
		{all: 1, carry: 1, forbidden: true, lists: 10},
	} {
		site.all.Store(step.all)
		site.carry.Store(step.carry)
		site.away.Store(step.away)
		site.forbidden.Store(step.forbidden)
		if step.wait {
			now = now.Add(carriersKept)
		}
		err := c.Submit(t.Context(), cluster.Placement{Attempt: core.Attempt{ID: core.NewAttemptID(), Executor: core.ExecutorMachine},
			Class: core.ResourceClass{Name: "tiny", CPU: 20, Memory: 32, Disk: 10, Pool: "default"}})
		if err != nil {
			t.Fatal(err)
		}
		job := <-site.jobs
		checkCarried(t, job, step.carried)
		if got := site.lists.Load(); got != step.lists {
			t.Errorf("%+v: Nomad was asked %d times", step, got)
		}
	}
}

func newCarried(t *testing.T, address string, agent jobspec.Agent) *Cluster {
	t.Helper()
	c, err := New(Config{API: &api.Config{Address: address}, Agent: agent, OutputURLs: []string{"http://127.0.0.1:1"},
		Templates: map[core.ExecutorKind]*jobspec.Template{core.ExecutorMachine: machineTemplate(t)}}, Deps{Logger: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func checkCarried(t *testing.T, job *api.Job, want bool) {
	t.Helper()
	artifacts := len(job.TaskGroups[0].Tasks[0].Artifacts)
	var versions []string
	for _, c := range job.TaskGroups[0].Constraints { // Nomad adds some of its own
		if c.LTarget == "${meta."+jobspec.AgentMeta+"}" {
			versions = append(versions, c.RTarget)
		}
	}
	if want && (artifacts != 0 || !slices.Equal(versions, []string{carriedVersion})) {
		t.Errorf("%d artifacts, versions %v; want none, and ours", artifacts, versions)
	}
	if !want && (artifacts != 1 || len(versions) != 0) {
		t.Errorf("%d artifacts, versions %v; want the archive and none", artifacts, versions)
	}
}

// testCarried runs an attempt on a client that announces nothing, and one on
// the same client when it announces the agent.
func testCarried(t *testing.T, s *site) {
	archive := pack(t, "#!/bin/sh\nexit 0\n")
	var downloads atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			downloads.Add(1)
		}
		_, _ = w.Write(archive)
	}))
	t.Cleanup(server.Close)
	sum := sha256.Sum256(archive)
	agent := jobspec.Agent{Source: server.URL + "/muster-agent.tar.gz", Checksum: "sha256:" + hex.EncodeToString(sum[:]),
		Path: filepath.Join(s.scripts, "agent"), Version: carriedVersion}
	for _, carried := range []bool{false, true} {
		c := newCarried(t, s.address, agent)
		if carried {
			announce(t, c.client, carriedVersion)
		}
		before := downloads.Load()
		p := s.placement(t, "exit 0")
		submit(t, c, p)
		job, _, err := c.client.Jobs().Info(string(p.Attempt.ID), nil)
		if err != nil {
			t.Fatal(err)
		}
		checkCarried(t, job, carried)
		if a := listed(t, c, p.Attempt.ID, "ended", isEnded); a.Kind != cluster.None {
			t.Errorf("carried %t: ended as %+v", carried, a)
		}
		if downloaded := downloads.Load() > before; downloaded == carried {
			t.Errorf("carried %t: downloaded %t", carried, downloaded)
		}
	}
}

// announce has the only client announce a version, beside others.
func announce(t *testing.T, client *api.Client, version string) {
	t.Helper()
	nodes, _, err := client.Nodes().List(nil)
	if err != nil || len(nodes) != 1 {
		t.Fatalf("got clients %v, %v; want one", nodes, err)
	}
	value := "ffffffffffff," + version
	_, err = client.Nodes().Meta().Apply(&api.NodeMetaApplyRequest{NodeID: nodes[0].ID, Meta: map[string]*string{jobspec.AgentMeta: &value}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Nomad answers a query with an index once something has changed behind it.
	query := (&api.QueryOptions{WaitTime: 5 * time.Second}).WithContext(t.Context())
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		node, meta, err := client.Nodes().Info(nodes[0].ID, query)
		if err != nil {
			t.Fatal(err)
		}
		if node.Meta[jobspec.AgentMeta] == value {
			return
		}
		query.WaitIndex = meta.LastIndex
	}
	t.Fatal("the servers never heard of the client's metadata")
}
