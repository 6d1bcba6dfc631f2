// SPDX-License-Identifier: MPL-2.0

package follow_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/accept/gateway/follow"
)

func TestCursorsAreReadBack(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"j", "j7", "j1-3,7", "j;am-x/0-2/3@1024+4@12", "j1-100000;am-a//0@5;am-b/0,2/", "j9;am-q//",
	} {
		c, err := follow.ParseCursor(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := c.String(); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
	}
}

func TestBadCursorsAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"x", "j;", "j-1", "j3-1", "j1-", "jx", "j1-999999999999", "j1-150000,200000-350000", "a/1/2", "am-x/1", "am-x/1/2", "am-x/1/x@y",
		"am-x/1/2@-5", "j" + strings.Repeat("1,", follow.MaxCursor),
	} {
		if c, err := follow.ParseCursor(text); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%.30s: got %v, %v, want invalid", text, c, err)
		}
	}
}

// FuzzCursor holds that parsing is bounded, and that what was parsed is written
// as it is read.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "j1-3,7;am-x/0-2/3@1024+4@12", "j1-99999", "j;a/0/1@1", "j5-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		began := time.Now()
		c, err := follow.ParseCursor(text)
		if err != nil {
			return
		}
		once := c.String()
		if once != "" {
			again, err := follow.ParseCursor(once)
			if err != nil || again.String() != once {
				t.Errorf("%q became %q, which is read as %v, %v", text, once, again, err)
			}
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%q took %s", text, took)
		}
	})
}

func TestStatusCountsTheNewestRun(t *testing.T) {
	t.Parallel()
	created := &core.Pipeline{State: core.PipelineCreated}
	for name, test := range map[string]struct {
		view follow.View
		want string
	}{
		"errored":         {follow.View{Pipeline: &core.Pipeline{State: core.PipelineErrored}, Ended: true}, "errored"},
		"running":         {follow.View{Pipeline: created}, "running"},
		"nothing to do":   {follow.View{Pipeline: created, Ended: true}, "not_run"},
		"canceled early":  {follow.View{Pipeline: &core.Pipeline{State: core.PipelineCreated, Canceled: true}, Ended: true}, "canceled"},
		"worst":           {follow.View{Pipeline: created, Ended: true, Workflows: []core.Workflow{{Name: "a", Status: "success"}, {Name: "b", Status: "failed"}}}, "failed"},
		"rerun succeeded": {follow.View{Pipeline: created, Ended: true, Workflows: []core.Workflow{{Name: "a", Status: "failed"}, {Name: "a", Status: "success"}}}, "success"},
	} {
		if got := test.view.Status(); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}
