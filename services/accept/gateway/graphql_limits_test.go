// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// messages returns those of GraphQL's own errors.
func messages(t *testing.T, a answer) []string {
	t.Helper()
	var list []string
	for _, e := range read[api.GraphQLResponse](t, a, http.StatusOK).Errors {
		list = append(list, e.Message)
	}
	return list
}

// TestMutationsAreForAdministrators sends every recorded mutation as somebody
// who is none.
func TestMutationsAreForAdministrators(t *testing.T) {
	t.Parallel()
	s := serveRegistry(t, nil)
	files, err := filepath.Glob("testdata/graphql/*.graphql")
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for _, file := range files {
		query, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitN(string(query), "\n", 3)
		if !strings.HasPrefix(lines[2], "mutation") {
			continue
		}
		sent++
		var variables map[string]any
		if err := json.Unmarshal([]byte(strings.TrimPrefix(lines[1], "# ")), &variables); err != nil {
			t.Fatal(err)
		}
		if a := run(t, s, s.User, string(query), variables); !bytes.Contains(a.body, []byte("Only an administrator may do that.")) {
			t.Errorf("%s: %s", file, a.body)
		}
	}
	if sent < 13 {
		t.Errorf("only %d mutations were sent", sent)
	}
	for _, method := range []string{
		"CreateNamespace", "RenameNamespace", "DeleteNamespace", "DeleteNamespaceAlias", "CreateOrb", "ChangeOrb", "PublishOrb", "PromoteOrb",
	} {
		if n := s.Calls(method); n != 0 {
			t.Errorf("%s was called %d times", method, n)
		}
	}
}

// TestGraphQLWantsAToken: CircleCI's command line looks for "must log in" in an
// answer with status 200.
func TestGraphQLWantsAToken(t *testing.T) {
	t.Parallel()
	s := serveRegistry(t, nil)
	for token, want := range map[string]string{"": "You must log in first.", "wrong": "That token is not known; it may have been revoked."} {
		if diff := cmp.Diff([]string{want}, messages(t, run(t, s, token, "{ orbs { totalCount } }", nil))); diff != "" {
			t.Errorf("token %q (-want +got):\n%s", token, diff)
		}
	}
	if got := messages(t, run(t, s, s.User, "", nil)); !cmp.Equal(got, []string{"The body has no query."}) {
		t.Errorf("without a query: %q", got)
	}
}

// TestGraphQLIsBounded sends queries that ask for too much, each in its way.
func TestGraphQLIsBounded(t *testing.T) {
	t.Parallel()
	s := serveRegistry(t, nil)
	fillRegistry(t, s.CreateNamespace, s.CreateOrb, 45)
	for i := range 20 {
		publish(t, s.PublishOrb, "acme/orb00", fmt.Sprintf("1.0.%d", i))
	}
	aliases := func(n int, field string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "a%d: %s ", i, field)
		}
		return b.String()
	}
	large := map[string]any{"x": strings.Repeat("y", 100_000)}
	deep := strings.Repeat("orb { versions(count: 1) { ", 12) + "id" + strings.Repeat(" } }", 12)
	bomb := "fragment a on Query { ...b ...b ...b } "
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("fragment %c on Query { %s } ", c, strings.Repeat(fmt.Sprintf("...%c ", c+1), 3))
	}
	bomb += `fragment k on Query { orb(name: "acme/orb00") { id } } { ...a }`
	for name, c := range map[string]struct{ query, want string }{
		"length":    {"{ " + aliases(400, "orbs { totalCount }") + "}", "query length"},
		"spreads":   {"{ " + strings.Repeat("...a ", 51) + "} fragment a on Query { orbs { totalCount } }", "spreads 51 fragments"},
		"nesting":   {strings.Repeat("{a", 3000), "nesting depth"},
		"literals":  {"{ " + aliases(100, "buildConfig(configYaml: $x) { valid }") + "}", "is not defined"},
		"depth":     {`{ orbVersion(orbVersionRef: "acme/orb00@volatile") { ` + deep + " } }", "depth"},
		"fragments": {bomb, "selections"},
		"look-ups":  {"{ " + aliases(20, `orb(name:"acme/orb00"){versions{source}}`) + "}", "too much at once"},
		"page":      {"{ orbs(first: 1000) { totalCount } }", "a page has 1 to 50 entries"},
		"cursor":    {`{ orbs(after: "x") { totalCount } }`, "is not a cursor"},
	} {
		got := strings.Join(messages(t, run(t, s, s.User, c.query, large)), "\n")
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: got %.200q, want it to say %q", name, got, c.want)
		}
	}
}

// TestOrbsInPages walks through a list as the command line does, and with pages
// of other sizes from any cursor.
func TestOrbsInPages(t *testing.T) {
	t.Parallel()
	s := serveRegistry(t, nil)
	want := fillRegistry(t, s.CreateNamespace, s.CreateOrb, 45)
	type page struct {
		Orbs struct {
			TotalCount int
			Edges      []struct {
				Cursor string
				Node   struct{ Name string }
			}
			PageInfo struct{ HasNextPage bool }
		}
	}
	const query = `query($first: Int, $after: String!) { orbs(first: $first, after: $after) { totalCount edges { cursor node { name } } pageInfo { hasNextPage } } }`
	for _, size := range []int{1, 7, 20, 50} {
		var got []string
		after := ""
		for {
			var p struct{ Data page }
			if err := json.Unmarshal(run(t, s, s.User, query, map[string]any{"first": size, "after": after}).body, &p); err != nil {
				t.Fatal(err)
			}
			if p.Data.Orbs.TotalCount != len(want) {
				t.Fatalf("totalCount is %d, want %d", p.Data.Orbs.TotalCount, len(want))
			}
			// Every second page is left in its middle.
			edges := p.Data.Orbs.Edges
			if len(got)%2 == 1 && len(edges) > 2 {
				edges = edges[:len(edges)-1]
				p.Data.Orbs.PageInfo.HasNextPage = true
			}
			for _, e := range edges {
				got, after = append(got, e.Node.Name), e.Cursor
			}
			if !p.Data.Orbs.PageInfo.HasNextPage {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", size, diff)
		}
	}
}

// TestGraphQLKeepsTheInsideIn lets the registry be away.
func TestGraphQLKeepsTheInsideIn(t *testing.T) {
	t.Parallel()
	s := serveRegistry(t, nil)
	s.SetAway("Namespace", true)
	for _, query := range []string{
		`{ registryNamespace(name: "acme") { id } }`,
		`mutation { createOrb(name: "x", registryNamespaceId: "1") { errors { message } } }`,
	} {
		got := messages(t, run(t, s, s.Admin, query, nil))
		if !cmp.Equal(got, []string{"A service that this needs cannot be reached just now; try again in a moment."}) {
			t.Errorf("%s: %q", query, got)
		}
	}
}

// TestChangesOfTheRegistryAreLogged looks for who did what.
func TestChangesOfTheRegistryAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := serveRegistry(t, &log)
	for _, query := range []string{
		`mutation { createNamespace(name: "acme", organizationId: "00000000-0000-4000-8000-000000000001") { errors { message } } }`,
		`mutation { createOrb(name: "go", registryNamespaceId: "10000000-0000-4000-8000-000000000001") { errors { message } } }`,
		`mutation { publishOrb(namespaceName: "acme", orbName: "go", orbYaml: "version: 2.1", version: "1.0.0") { errors { message } } }`,
		`mutation { publishOrb(namespaceName: "acme", orbName: "go", orbYaml: "version: 2.2", version: "1.0.0") { errors { message } } }`,
	} {
		run(t, s, s.Admin, query, nil)
	}
	for _, call := range [][3]string{
		{http.MethodPatch, "/orbs/acme/go", `{"listed": false}`},
		{http.MethodPatch, "/orbs/acme/no", `{"listed": false}`},
		{http.MethodPatch, "/orb-namespaces/acme", `{"name": "apex"}`},
		{http.MethodDelete, "/orb-aliases/acme", ""},
	} {
		send(t, s, call[0], ownPath+call[1], call[2])
	}
	for line, times := range map[string]int{
		"namespace created: namespace=acme organization_id=00000000-0000-4000-8000-000000000001 user_id=": 1,
		"orb created: orb=acme/go private=false user_id=":                                                 1,
		"orb published: orb=acme/go version=1.0.0 user_id=":                                               1,
		"orb changed: orb=acme/go user_id=":                                                               1,
		"namespace renamed: namespace=acme to=apex user_id=":                                              1,
		"old name of a namespace deleted: namespace=acme user_id=":                                        1,
	} {
		if got := strings.Count(log.String(), line); got != times {
			t.Errorf("%q stands %d times in the log, want %d:\n%s", line, got, times, log.String())
		}
	}
}

// TestMistakesOfAnOrbAreTheAnswer: each is one error, and the owner's private
// orbs count.
func TestMistakesOfAnOrbAreTheAnswer(t *testing.T) {
	t.Parallel()
	s := serveRegistry(t, nil)
	s.CompileResult = core.CompileResult{Errors: []core.ConfigError{{Message: "first"}, {Message: "second", Line: 2, Column: 1}}}
	const query = `{ orbConfig(orbYaml: "x", ownerId: "owner") { valid outputYaml errors { message type } } }`
	got := string(run(t, s, s.User, query, nil).body)
	for _, want := range []string{`"valid":false,"outputYaml":""`, `"message":"first","type":"INVALID"`, "second"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	if c := s.Compiled(); len(c) != 1 || !c[0].IsOrb || c[0].OrganizationID != "owner" || c[0].Config != "x" {
		t.Errorf("compiled: %+v", c)
	}
}

// TestConfigCompilationTakesWhatTheCommandLineSends: by both roads.
func TestConfigCompilationTakesWhatTheCommandLineSends(t *testing.T) {
	t.Parallel()
	s := serveRegistry(t, nil)
	a := send(t, s, http.MethodPost, "/api/v2/compile-config-with-defaults", `{"config_yaml":"a","options":{"owner_id":"o",
		"pipeline_parameters":{"deep":true},"pipeline_values":{"pipeline.number":7,"pipeline.git.branch":"x","pipeline.parameters.deep":false,"pipeline.parameters.other":"y"}}}`)
	read[api.CompileResult](t, a, http.StatusOK)
	query, err := os.ReadFile("testdata/graphql/44_build_config.graphql")
	if err != nil {
		t.Fatal(err)
	}
	run(t, s, s.User, string(query), map[string]any{
		"config": "a", "orgId": "o", "next": false, "pipelineParametersJson": `{"deep":true,"other":"y"}`,
		"pipelineValues": []any{map[string]any{"key": "pipeline.number", "val": 7}, map[string]any{"key": "pipeline.git.branch", "val": "x"}},
	})
	compiled := s.Compiled()
	if len(compiled) != 2 {
		t.Fatalf("%d compilations", len(compiled))
	}
	for i, c := range compiled {
		if c.Config != "a" || c.OrganizationID != "o" || c.Values["git.branch"] != "x" || fmt.Sprint(c.Values["number"]) != "7" || c.Values["trigger_source"] != "api" {
			t.Errorf("%d: %+v", i, c)
		}
		if diff := cmp.Diff(map[string]any{"deep": true, "other": "y"}, c.Parameters); diff != "" {
			t.Errorf("%d: parameters (-want +got):\n%s", i, diff)
		}
	}
}
