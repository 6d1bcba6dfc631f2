// SPDX-License-Identifier: MPL-2.0

package gatewaytest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/accept/gateway"
)

// Server is a real gateway in front of a platform.
type Server struct {
	*Platform
	Gateway *gateway.Service
	URL     string
	Admin   string // the token of an administrator
	User    string // the token of somebody who is none
}

// Serve starts one that ends with the test. Change may be nil.
func Serve(t testing.TB, p *Platform, change func(*gateway.Config, *gateway.Deps)) *Server {
	t.Helper()
	handler := http.NewServeMux()
	server := httptest.NewServer(handler)
	cfg := gateway.Default()
	cfg.URL = server.URL
	deps := gateway.Deps{
		Logger: hclog.NewNullLogger(), Clock: time.Now, NewID: core.NewID, Bundles: p,
		Peers: gateway.Peers{
			Identity: p, Projects: p, Secrets: p, Configs: p, Orbs: p, Pipelines: p, Workflows: p, Jobs: p, Queue: p, Serials: serials{p: p}, Output: p, Archives: p, Results: p, Continuations: p,
			Usage:   p,
			SSHKeys: &p.people, JobTokens: &p.people, SSHPlaces: &p.people, SigningKeys: &p.people,
			Stuck: map[string]core.Stuck{"queue": p.stuckOf("queue"), "output": p.stuckOf("output")},
		},
	}
	if change != nil {
		change(&cfg, &deps)
	}
	s, err := gateway.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	handler.Handle("/", s.Handler())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	out := &Server{Platform: p, Gateway: s, URL: server.URL}
	_, out.Admin = p.AddUser("root", true)
	_, out.User = p.AddUser("ada", false)
	return out
}
