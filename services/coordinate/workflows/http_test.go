// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/httpx"
)

// TestRoutes holds the routes against the interfaces.
func TestRoutes(t *testing.T) {
	t.Parallel()
	engine := httpx.NewEngine(hclog.NewNullLogger())
	new(Service).Routes(engine)
	served := map[string]bool{}
	for _, r := range engine.Routes() {
		served[r.Path] = true
	}
	upper := regexp.MustCompile(`([a-z])([A-Z])`)
	for _, noun := range []reflect.Type{reflect.TypeFor[core.Workflows](), reflect.TypeFor[core.Jobs](), reflect.TypeFor[core.Tasks](), reflect.TypeFor[core.TaskSiblings](), reflect.TypeFor[core.Stuck]()} {
		for m := range noun.NumMethod() {
			path := "/" + strings.ToLower(upper.ReplaceAllString(noun.Method(m).Name, "$1-$2"))
			if !served[path] {
				t.Errorf("%s has no route %s", noun.Method(m).Name, path)
			}
			delete(served, path)
		}
	}
	if len(served) > 0 {
		t.Errorf("routes that belong to no method: %v", served)
	}
}
