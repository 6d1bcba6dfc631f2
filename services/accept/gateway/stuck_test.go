// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/services/accept/gateway"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
)

// notebook is a log that can be read while it is written.
type notebook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notebook) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

// audit returns the lines of the audit log.
func (n *notebook) audit(t *testing.T) []map[string]any {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	var found []map[string]any
	for line := range bytes.Lines(n.text.Bytes()) {
		var entry map[string]any
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatal(err)
		}
		if entry["@module"] == "audit" {
			found = append(found, entry)
		}
	}
	return found
}

const stuckPath = "/api/muster/v1/admin/stuck"

func TestStuckWork(t *testing.T) {
	t.Parallel()
	p := gatewaytest.New()
	p.Stuck = []core.StuckRow{
		{Service: "queue", Table: "attempts", ID: "m-1", Tries: 20, LastError: "no"},
		{Service: "queue", Table: "reports", ID: "t-1/ended", Tries: 20, LastError: "never"},
		{Service: "output", Table: "attempts", ID: "m-1", Tries: 20, LastError: "the bucket is full"},
	}
	log := &notebook{}
	s := gatewaytest.Serve(t, p, func(_ *gateway.Config, deps *gateway.Deps) {
		deps.Logger = hclog.New(&hclog.LoggerOptions{Output: log, JSONFormat: true})
	})
	refused(t, send(t, s, http.MethodGet, stuckPath, "", "Circle-Token", s.User), http.StatusForbidden)
	refused(t, send(t, s, http.MethodPost, stuckPath+"/retry", `{"service":"queue","all":true}`, "Circle-Token", s.User), http.StatusForbidden)
	if got := get[api.StuckRows](t, s, stuckPath); len(got.Items) != 3 || len(got.Away) != 0 {
		t.Errorf("all: got %+v, want three rows", got)
	}
	if got := get[api.StuckRows](t, s, stuckPath+"?service=output"); len(got.Items) != 1 || got.Items[0].LastError != "the bucket is full" {
		t.Errorf("of output: got %+v", got)
	}
	s.SetAway("output.Stuck", true)
	if got := get[api.StuckRows](t, s, stuckPath); len(got.Items) != 2 || cmp.Diff([]string{"output"}, got.Away) != "" {
		t.Errorf("while output is away: got %+v", got)
	}
	for body, status := range map[string]int{
		`{"service":"queue"}`:                       400,
		`{"service":"queue","id":"m-1","all":true}`: 400,
		`{"service":"nobody","all":true}`:           400,
		`{"service":"queue","id":"m-2"}`:            404,
		`{"service":"output","id":"m-1"}`:           503,
	} {
		refused(t, send(t, s, http.MethodPost, stuckPath+"/retry", body), status)
	}
	if lines := log.audit(t); len(lines) != 0 {
		t.Errorf("nothing was done, and the audit log says %v", lines)
	}
	one := read[api.StuckRows](t, send(t, s, http.MethodPost, stuckPath+"/retry", `{"service":"queue","id":"t-1/ended"}`), http.StatusOK)
	if len(one.Items) != 1 || one.Items[0].Table != "reports" {
		t.Errorf("put back %+v, want the report", one.Items)
	}
	if got := get[api.StuckRows](t, s, stuckPath+"?service=queue"); len(got.Items) != 1 {
		t.Errorf("afterwards: got %+v, want one row", got)
	}
	lines := log.audit(t)
	if len(lines) != 1 || lines[0]["login"] == "" || lines[0]["row_id"] != "t-1/ended" || lines[0]["service"] != "queue" {
		t.Errorf("the audit log says %v", lines)
	}
}
