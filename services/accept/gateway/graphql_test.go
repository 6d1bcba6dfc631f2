// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/services/accept/gateway"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
)

// serveRegistry starts a gateway with the organization gh/acme, whose ids count.
func serveRegistry(t *testing.T, log *bytes.Buffer) *gatewaytest.Server {
	t.Helper()
	p := gatewaytest.New()
	p.CompileResult = core.CompileResult{Processed: "version: 2\n"}
	if _, err := p.CreateProject(t.Context(), core.Project{
		Organization: core.Organization{VCS: "gh", Name: "acme"}, Name: "site", RepositoryURL: "https://example.com/site",
	}); err != nil {
		t.Fatal(err)
	}
	var ids atomic.Int64
	return gatewaytest.Serve(t, p, func(_ *gateway.Config, deps *gateway.Deps) {
		deps.NewID = func() string { return fmt.Sprintf("10000000-0000-4000-8000-%012d", ids.Add(1)) }
		if log != nil {
			deps.Logger = hclog.New(&hclog.LoggerOptions{Output: log, Level: hclog.Info})
		}
	})
}

// run sends one operation as CircleCI's command line does.
func run(t *testing.T, s *gatewaytest.Server, token, query string, variables map[string]any) answer {
	t.Helper()
	body, err := json.Marshal(api.GraphQLRequest{Query: query, Variables: variables})
	if err != nil {
		t.Fatal(err)
	}
	a := send(t, s, http.MethodPost, "/graphql-unstable", string(body), "Circle-Token", "", "Authorization", token,
		"Content-Type", "application/json; charset=utf-8", "Accept", "application/json; charset=utf-8")
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		t.Fatalf("status %d as %s: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	return a
}

// TestOperationsOfTheCommandLine sends the operations of CircleCI's command line
// (v0.1.47860), one after the other, and compares the answers with those that
// are kept. The first line of each file is the command that sends it, the second
// its variables.
func TestOperationsOfTheCommandLine(t *testing.T) {
	t.Parallel()
	s := serveRegistry(t, nil)
	files, err := filepath.Glob("testdata/graphql/*.graphql")
	if err != nil || len(files) < 40 {
		t.Fatalf("finding operations: %v, %d found", err, len(files))
	}
	for _, file := range files {
		query, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var variables map[string]any
		line := strings.SplitN(string(query), "\n", 3)[1]
		if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "# ")), &variables); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var got bytes.Buffer
		if err := json.Indent(&got, run(t, s, s.Admin, string(query), variables).body, "", "  "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
		compare(t, strings.TrimSuffix(file, ".graphql")+".json", got.Bytes())
	}
}

func compare(t *testing.T, file string, got []byte) {
	t.Helper()
	if os.Getenv("MUSTER_GOLDEN") == "write" {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// fillRegistry makes acme/orb00 and so on, and returns their names.
func fillRegistry(t *testing.T, namespace call[core.Namespace, core.Namespace], orb call[core.Orb, core.Orb], n int) []string {
	t.Helper()
	if _, err := namespace(t.Context(), core.Namespace{ID: "ns", Name: "acme", OrganizationID: "owner"}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range n {
		o := core.Orb{ID: fmt.Sprintf("orb%02d", i), Namespace: "acme", Name: fmt.Sprintf("orb%02d", i), Listed: true}
		if _, err := orb(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		names = append(names, o.FullName())
	}
	return names
}

// call is a method of a peer.
type call[In, Out any] = func(context.Context, In) (Out, error)

func publish(t *testing.T, publish call[core.PublishOrbRequest, core.OrbVersion], name, version string) {
	t.Helper()
	if _, err := publish(t.Context(), core.PublishOrbRequest{Orb: name, Version: version, Source: "version: 2.1\n# " + version}); err != nil {
		t.Fatal(err)
	}
}
