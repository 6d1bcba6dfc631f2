// SPDX-License-Identifier: MPL-2.0

package configs

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/internal/httpx/httpxtest"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/testx"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	s := running(t, storetest.Open(t, "configs"), nil)
	engine := httpx.NewEngine(hclog.NewNullLogger())
	s.Routes(engine.Group("/configs/v1", httpxtest.From("pipelines")))
	for path, body := range map[string]string{
		"compile": `{"config": "version: 3\n", "values": {}}`,
		"fetch":   `{"source": {"repository_url": "/etc"}}`,
	} {
		request := httptest.NewRequest("POST", "/configs/v1/"+path, strings.NewReader(body))
		answer := httptest.NewRecorder()
		engine.ServeHTTP(answer, request)
		if answer.Code != 200 || !strings.Contains(answer.Body.String(), `"errors":[{"message":"`) {
			t.Errorf("%s: got %d %s", path, answer.Code, answer.Body)
		}
	}
}

// TestManyAtOnce asks for the same and for different things from many sides.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s := running(t, storetest.Open(t, "configs"), func(c *Config, _ *Deps) { c.Compilations = 2 })
	var group sync.WaitGroup
	for n := range 10 {
		group.Go(func() {
			branch := []string{"main", "other"}[n%2]
			for range 20 {
				result, err := s.Compile(context.Background(), core.CompileRequest{Config: valid, Values: core.PipelineValues{"git.branch": branch, "git.revision": branch}})
				if err != nil || result.Plan == nil {
					t.Errorf("got %v, %v", result.Errors, err)
					return
				}
				if diff := cmp.Diff(branch == "main", len(result.Plan.Workflows) == 1); diff != "" {
					t.Errorf("%s: %s", branch, diff)
				}
			}
		})
	}
	group.Wait()
}

// TestStartAndStop is not parallel: it counts goroutines.
func TestStartAndStop(t *testing.T) { //nolint:paralleltest // see above
	db := storetest.Open(t, "configs")
	testx.NoLeaks(t)
	for range 5 {
		t.Run("", func(t *testing.T) { running(t, db, nil) })
	}
}
