// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/source"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

func TestSkipReason(t *testing.T) {
	t.Parallel()
	fill := func(n int) string { return strings.Repeat("é", n) }
	for name, c := range map[string]struct {
		title, body string
		want        string // in the reason; "" for none
	}{
		"nothing":              {title: "Mend the roof", body: "It leaked."},
		"title":                {title: "Mend the roof [ci skip]", want: "the title of commit 0123456 has [ci skip]"},
		"title, other word":    {title: "[skip ci] Mend the roof", want: "the title of commit 0123456 has [skip ci]"},
		"body":                 {title: "Mend the roof", body: "It leaked.\n\n[skip ci] of squashed work", want: "the body of commit 0123456 has [skip ci]"},
		"body, other word":     {title: "Mend the roof", body: "[ci skip]", want: "the body of commit 0123456 has [ci skip]"},
		"no brackets":          {title: "How to skip ci and ci skip"},
		"other brackets":       {title: "(skip ci) {ci skip}"},
		"upper case":           {title: "[SKIP CI]", body: "[Ci Skip]"},
		"two blanks":           {title: "[skip  ci]"},
		"over two lines":       {title: "Mend", body: "[skip\nci]"},
		"words of others":      {title: "[no ci] [skip actions] [actions skip]"},
		"over title and body":  {title: "Mend [skip", body: "ci] the roof"},
		"end of a long title":  {title: fill(500) + "[ci skip]", want: "title"},
		"end of a long body":   {title: "Mend", body: fill(7000) + "[skip ci]", want: "body"},
		"inside of other text": {title: "Mend", body: "of squashed work:[skip ci]!", want: "body"},
		"nothing to read from": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := skipReason(core.Source{Revision: revision, Subject: c.title, Body: c.body})
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q in it", got, c.want)
			}
		})
	}
}

func TestWhatHeedsTheMessage(t *testing.T) {
	t.Parallel()
	push := func(n *core.NewPipeline) {
		n.Trigger = core.Trigger{Type: core.TriggerWebhook, Event: core.EventPush}
	}
	for name, c := range map[string]struct {
		change []func(*core.NewPipeline)
		want   bool
	}{
		"a push":                       {change: []func(*core.NewPipeline){push}, want: true},
		"a push, of a GitHub App":      {change: []func(*core.NewPipeline){push, func(n *core.NewPipeline) { n.Project.Organization.VCS = "circleci" }}, want: true},
		"a pull request":               {change: []func(*core.NewPipeline){push, func(n *core.NewPipeline) { n.Trigger.Event = core.EventPullRequest }}, want: true},
		"a pull request from a fork":   {change: []func(*core.NewPipeline){push, func(n *core.NewPipeline) { n.Source.Fork = "octocat/site" }}},
		"a tag that is pushed":         {change: []func(*core.NewPipeline){push, func(n *core.NewPipeline) { n.Source.Tag = "v1" }}},
		"a request":                    {change: nil},
		"a request that may be":        {change: []func(*core.NewPipeline){func(n *core.NewPipeline) { n.Skippable = true }}, want: true},
		"one that may be, on a branch": {change: []func(*core.NewPipeline){func(n *core.NewPipeline) { n.Skippable, n.Source.Branch = true, "topic" }}, want: true},
		"one that may be, of a tag":    {change: []func(*core.NewPipeline){func(n *core.NewPipeline) { n.Skippable, n.Source.Tag = true, "v1" }}},
		"one of a GitHub App":          {change: []func(*core.NewPipeline){func(n *core.NewPipeline) { n.Skippable, n.Project.Organization.VCS = true, "circleci" }}},
		"a schedule":                   {change: []func(*core.NewPipeline){func(n *core.NewPipeline) { n.Trigger.Type, n.Skippable = "schedule", true }}},
		"anything else":                {change: []func(*core.NewPipeline){func(n *core.NewPipeline) { n.Trigger.Type, n.Skippable = "explicit", true }}},
	} {
		n := request("a")
		for _, change := range c.change {
			change(&n)
		}
		if got := heedsMessage(n); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// repository is a real one, made with git, that fakeConfigs fetch from.
type repository struct {
	t       *testing.T
	folder  string
	fetched atomic.Int32
}

func newRepository(t *testing.T, b *bench) *repository {
	t.Helper()
	r := &repository{t: t, folder: filepath.Join(t.TempDir(), "site")}
	file := filepath.Join(r.folder, configPath)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("workflows: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.git("init", "-q", "-b", "main")
	r.git("add", ".")
	b.configs.fetch = func(ctx context.Context, asked core.FetchRequest) (core.FetchResult, error) {
		r.fetched.Add(1)
		return source.Fetch(ctx, asked, source.Options{AllowLocal: true})
	}
	return r
}

func (r *repository) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.folder
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=ann", "GIT_AUTHOR_EMAIL=ann@example.com",
		"GIT_COMMITTER_NAME=ann", "GIT_COMMITTER_EMAIL=ann@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit makes one and returns its revision.
func (r *repository) commit(message string) string {
	r.t.Helper()
	r.git("commit", "-q", "--allow-empty", "-m", message)
	return r.git("rev-parse", "HEAD")
}

// push is what a forge tells of one: where, and not yet which commit.
func (r *repository) push(id core.PipelineID) core.NewPipeline {
	n := request(id)
	n.Project.RepositoryURL = r.folder
	n.Source.Branch = "main"
	n.Trigger.Type, n.Trigger.Event = core.TriggerWebhook, core.EventPush
	return n
}

// numbers are those of the project's pipelines, newest first.
func (b *bench) numbers() []int64 {
	b.t.Helper()
	list, err := b.svc.ListPipelines(b.ctx, core.PipelineFilter{Project: "p"})
	if err != nil {
		b.t.Fatal(err)
	}
	var out []int64
	for _, p := range list.Items {
		out = append(out, p.Number)
	}
	return out
}

func TestASkippedPushLeavesNoPipeline(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "pipelines", func(t *testing.T, open func() *store.DB) {
		b := newBench(t, open())
		r := newRepository(t, b)
		r.commit("One [skip ci]")
		built := r.commit("Two")
		if p := b.create(r.push("built")); p.Number != 1 || p.Skipped != "" || p.Source.Revision != built {
			t.Fatalf("the last commit of a push counts: got %+v", p)
		}
		skipped := r.commit("Three\n\nNothing to see here. [ci skip]")
		want := core.Pipeline{ID: "skipped", Project: "p", Skipped: "No pipeline was made: the body of commit " + skipped[:7] + " has [ci skip] in it."}
		if diff := cmp.Diff(want, b.create(r.push("skipped"))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		_, err := b.svc.Pipeline(b.ctx, "skipped")
		wantCode(t, err, core.CodeNotFound)
		if failed := b.work(); failed != 0 || len(b.workflows.created["skipped"]) > 0 {
			t.Errorf("%d rows failed, and there are workflows %v", failed, b.workflows.created["skipped"])
		}

		r.git("tag", "v1")
		for _, c := range []struct {
			id     core.PipelineID
			change func(*core.NewPipeline)
		}{
			{"tag", func(n *core.NewPipeline) { n.Source.Branch, n.Source.Tag = "", "v1" }},
			{"fork", func(n *core.NewPipeline) { n.Source.Fork = "octocat/site" }},
			{"request", func(n *core.NewPipeline) { n.Trigger = core.Trigger{Type: core.TriggerAPI} }},
		} {
			n := r.push(c.id)
			c.change(&n)
			b.create(n)
			if b.work(); b.pipeline(c.id).Source.Revision != skipped || len(b.workflows.created[c.id]) != 1 {
				t.Errorf("%s of the same commit: got %+v", c.id, b.pipeline(c.id))
			}
		}
		n := r.push("asked")
		n.Trigger, n.Skippable = core.Trigger{Type: core.TriggerAPI}, true
		if p := b.create(n); p.Skipped == "" {
			t.Errorf("a request that heeds the message: got %+v", p)
		}

		r.commit("Four")
		if again := b.create(r.push("skipped")); again.Skipped != want.Skipped {
			t.Errorf("the same push again, when the branch has moved: got %+v", again)
		}
		r.commit("Five [skip ci]")
		if again := b.create(r.push("built")); again.Number != 1 || again.Skipped != "" {
			t.Errorf("the push that was built again, when the branch has moved: got %+v", again)
		}
		if got, want := b.numbers(), []int64{4, 3, 2, 1}; !slices.Equal(got, want) {
			t.Errorf("got pipelines %v, want %v", got, want)
		}
	})
}

// TestTheMessageOfTheCommitThatIsBuilt: what the branch becomes while a pipeline
// waits is another push's.
func TestTheMessageOfTheCommitThatIsBuilt(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "pipelines"))
	r := newRepository(t, b)
	first := r.commit("One")
	b.create(r.push("a"))
	second := r.commit("Two [skip ci]")
	b.work()
	if p := b.pipeline("a"); p.Source.Revision != first || p.State != core.PipelineCreated {
		t.Errorf("got %+v, want the commit whose message was read", p)
	}
	n := r.push("b")
	n.Source.Revision = first // the forge's word on a push that came before
	if p := b.create(n); p.Skipped != "" || p.Source.Subject != "One" {
		t.Errorf("an older commit of the branch: got %+v", p)
	}
	n = r.push("c")
	n.Source.Revision = second
	if p := b.create(n); p.Skipped == "" {
		t.Errorf("got %+v, want none", p)
	}

	before := r.fetched.Load()
	n = r.push("told")
	n.Source.Revision, n.Source.Subject, n.Source.Body = second, "Two", "as the forge says, [ci skip]"
	if p := b.create(n); !strings.Contains(p.Skipped, "body") || r.fetched.Load() != before {
		t.Errorf("a message that the forge tells: got %+v after %d fetches", p, r.fetched.Load()-before)
	}
	n = r.push("title")
	n.Source.Subject = "a title of no commit [ci skip]"
	n.Source.Revision = ""
	r.commit("Three")
	if p := b.create(n); p.Skipped != "" {
		t.Errorf("a message of who knows which commit: got %+v", p)
	}
}

func TestASourceThatCannotBeReadIsNotSkipped(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "pipelines"))
	r := newRepository(t, b)
	r.commit("One [skip ci]")
	b.configs.set(core.Errorf(core.CodeUnavailable, "away"))
	_, err := b.svc.CreatePipeline(b.ctx, r.push("away"))
	wantCode(t, err, core.CodeUnavailable)
	_, err = b.svc.Pipeline(b.ctx, "away")
	wantCode(t, err, core.CodeNotFound)
	b.configs.set(nil)
	if p := b.create(r.push("away")); p.Skipped == "" {
		t.Errorf("when configs is back: got %+v", p)
	}

	n := r.push("gone")
	n.Source.Branch = "gone"
	b.create(n)
	b.work()
	p := b.pipeline("gone")
	if p.State != core.PipelineErrored || p.Number != 1 {
		t.Errorf("got %+v, want a pipeline that says what is wrong", p)
	}
	wantErrors(t, "errors", p.Errors, []string{`config-fetch: There is no branch "gone"`})

	b.configs.set(core.Errorf(core.CodeForbidden, "no"))
	if p := b.create(r.push("forbidden")); p.Number != 2 {
		t.Errorf("got %+v, want a pipeline", p)
	}
	n = r.push("nowhere")
	n.Project.RepositoryURL = ""
	if p := b.create(n); p.Number != 3 {
		t.Errorf("got %+v, want a pipeline", p)
	}
}

// TestOneRequestHasOneAnswer: the branch moves between deliveries of one push
// that come at once.
func TestOneRequestHasOneAnswer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "pipelines", func(t *testing.T, open func() *store.DB) {
		b := newBench(t, open())
		services := []*Service{b.svc, b.newService(open())}
		var calls atomic.Int32
		b.configs.fetch = func(_ context.Context, r core.FetchRequest) (core.FetchResult, error) {
			r.Source.Revision, r.Source.Subject = revision, "One"
			if calls.Add(1)%2 == 0 {
				r.Source.Subject = "Two [skip ci]"
			}
			return core.FetchResult{Source: r.Source}, nil
		}
		const pushes, deliveries = 20, 6
		answers := make([][deliveries]core.Pipeline, pushes)
		var all sync.WaitGroup
		for i := range pushes {
			for j := range deliveries {
				all.Go(func() {
					n := request(core.PipelineID("push-" + string(rune('a'+i))))
					n.Trigger.Type = core.TriggerWebhook
					p, err := services[j%2].CreatePipeline(context.Background(), n)
					if err != nil {
						t.Error(err)
					}
					answers[i][j] = p
				})
			}
		}
		all.Wait()
		made := 0
		for i, of := range answers {
			for _, a := range of[1:] {
				if a.Number != of[0].Number || a.Skipped != of[0].Skipped {
					t.Errorf("push %d: got %+v and %+v", i, of[0], a)
				}
			}
			if of[0].Skipped == "" {
				made++
			}
		}
		if got := b.numbers(); len(got) != made || made > 0 && got[0] != int64(made) {
			t.Errorf("got pipelines %v for %d pushes", got, made)
		}
	})
}

func TestSkipsAreForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t, "pipelines"))
	r := newRepository(t, b)
	r.commit("One [skip ci]")
	b.create(r.push("a"))
	r.commit("Two")
	b.skipped.Add(int64(keepSkips - time.Minute))
	if err := b.svc.forgetSkips(b.ctx); err != nil {
		t.Fatal(err)
	}
	if p := b.create(r.push("a")); p.Skipped == "" {
		t.Errorf("got %+v before its time", p)
	}
	b.skipped.Add(int64(2 * time.Minute))
	if err := b.svc.forgetSkips(b.ctx); err != nil {
		t.Fatal(err)
	}
	if p := b.create(r.push("a")); p.Number != 1 {
		t.Errorf("got %+v, want it forgotten", p)
	}
}
