// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

const day = 24 * time.Hour

// later makes the service's clock show what it showed, and so much more.
func (b *bench) later(d time.Duration) {
	now := b.svc.clock
	b.svc.clock = func() time.Time { return now().Add(d) }
}

func (b *bench) exists(id core.PipelineID) bool {
	b.t.Helper()
	_, err := b.svc.Pipeline(b.ctx, id)
	if err != nil && core.ErrorCode(err) != core.CodeNotFound {
		b.t.Fatal(err)
	}
	_, configErr := b.svc.PipelineConfig(b.ctx, id)
	if (err == nil) != (configErr == nil) {
		b.t.Errorf("pipeline %s: %v, its config: %v", id, err, configErr)
	}
	return err == nil
}

func TestOldPipelinesAreRemoved(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "pipelines", func(t *testing.T, open func() *store.DB) {
		b := newBench(t, open())
		for _, id := range []core.PipelineID{"kept", "gone", "untold"} {
			b.create(request(id))
		}
		b.work()
		b.create(request("pending"))
		if err := b.svc.CancelPipeline(b.ctx, "untold"); err != nil {
			t.Fatal(err)
		}
		delete(b.workflows.created, "gone") // workflows has removed them
		delete(b.workflows.created, "untold")
		forget := func() {
			t.Helper()
			if err := b.svc.forget(b.ctx); err != nil {
				t.Fatal(err)
			}
		}
		b.later(179 * day)
		forget()
		if !b.exists("gone") {
			t.Error("a pipeline of 179 days was removed")
		}
		b.later(2 * day)
		forget()
		got := map[core.PipelineID]bool{}
		for _, id := range []core.PipelineID{"kept", "gone", "untold", "pending"} {
			got[id] = b.exists(id)
		}
		// kept has workflows, untold has a cancel to tell of, pending is at work.
		want := map[core.PipelineID]bool{"kept": true, "gone": false, "untold": true, "pending": true}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		b.work()
		forget()
		if b.exists("untold") {
			t.Error("what was told is still there")
		}
	})
}

// The key of a setup pipeline goes with it, that of another stays.
func TestContinuationsAreRemoved(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "pipelines", func(t *testing.T, open func() *store.DB) {
		b := newBench(t, open())
		for _, id := range []core.PipelineID{"kept", "gone"} {
			b.setup(id, nil)
		}
		rows := func() (ids []string) {
			t.Helper()
			err := b.svc.db.NewSelect().Model((*continuation)(nil)).Column("pipeline_id").Order("pipeline_id").Scan(b.ctx, &ids)
			if err != nil {
				t.Fatal(err)
			}
			return ids
		}
		if diff := cmp.Diff([]string{"gone", "kept"}, rows()); diff != "" {
			t.Fatalf("before (-want +got):\n%s", diff)
		}
		delete(b.workflows.created, "gone")
		b.later(181 * day)
		b.work() // nobody continued them in their six hours
		if err := b.svc.forget(b.ctx); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"kept"}, rows()); diff != "" {
			t.Errorf("after (-want +got):\n%s", diff)
		}
	})
}

// bucket is an object store with times.
type bucket struct {
	objects map[string]time.Time
	fail    error
}

func (b *bucket) List(_ context.Context, prefix string, f func(string, int64, time.Time) error) error {
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if strings.HasPrefix(key, prefix) {
			if err := f(key, 1, b.objects[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bucket) Delete(_ context.Context, key string) error {
	delete(b.objects, key)
	return b.fail
}

func TestOldBundlesAreRemoved(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "pipelines", func(t *testing.T, open func() *store.DB) {
		b := newBench(t, open())
		start := b.svc.clock()
		objects := &bucket{objects: map[string]time.Time{"output/m-1/x": start}}
		b.svc.bundles = objects
		for _, id := range []core.PipelineID{"running", "ended", "rerun", "pending"} {
			n := request(id)
			n.Source.Bundle = "bundles/p/" + string(id) + ".bundle"
			n.Config = "workflows: 1"
			objects.objects[n.Source.Bundle] = start
			b.create(n)
			if id != "pending" {
				b.work()
			}
		}
		objects.objects["bundles/p/unused.bundle"] = start
		b.later(40 * day)
		objects.objects["bundles/p/young.bundle"] = b.svc.clock().Add(-29 * day)
		b.workflows.over["ended"] = start.Add(day)
		b.workflows.over["rerun"] = start.Add(20 * day)
		objects.fail = errors.New("the bucket is away")
		if err := b.svc.forgetBundles(b.ctx); err == nil {
			t.Error("a bucket that fails: got no error")
		}
		objects.fail = core.Errorf(core.CodeNotFound, "another process was faster")
		if err := b.svc.forgetBundles(b.ctx); err != nil {
			t.Fatal(err)
		}
		want := []string{"bundles/p/pending.bundle", "bundles/p/rerun.bundle", "bundles/p/running.bundle", "bundles/p/young.bundle", "output/m-1/x"}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(objects.objects))); diff != "" {
			t.Errorf("what is kept (-want +got):\n%s", diff)
		}
	})
}

// Pipelines that were there before their bundles were looked after count too.
func TestOldRowsTellTheirBundle(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "pipelines", func(t *testing.T, open func() *store.DB) {
		db := open()
		first, err := migrations.ReadFile("migrations/001_pipelines.sql")
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Migrate(t.Context(), fstest.MapFS{"001_pipelines.sql": {Data: first}}); err != nil {
			t.Fatal(err)
		}
		for id, source := range map[string]string{"with": `{"branch":"main","bundle":"bundles/p/x.bundle"}`, "without": `{"branch":"main"}`} {
			_, err := db.NewRaw(`INSERT INTO pipelines (id, project_id, number, branch, actor_id, project, trigger_event, parameters, created_at,
				state, planned, canceled, source, errors, warnings, updated_at)
				VALUES (?0, ?0, 1, '', '', '{}', '{}', '{}', 1, 'created', TRUE, FALSE, ?1, '[]', '[]', 1)`, id, source).Exec(t.Context())
			if err != nil {
				t.Fatal(err)
			}
		}
		b := newBench(t, db)
		for id, want := range map[core.PipelineID]string{"with": "bundles/p/x.bundle", "without": ""} {
			p := &pipeline{}
			if err := b.svc.db.NewSelect().Model(p).Where("id = ?", id).Scan(t.Context()); err != nil || p.Bundle != want {
				t.Errorf("%s: got bundle %q, %v, want %q", id, p.Bundle, err, want)
			}
		}
	})
}
