// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

func claim(id string, key string, pipeline int64) core.SerialClaim {
	return core.SerialClaim{
		ID: core.SerialID(id), Organization: "o", Key: key, Project: "p", ProjectSlug: "gh/acme/site", Pipeline: pipeline,
		Workflow: "w", Name: "deploy",
	}
}

// diary keeps what was told of claims.
type diary struct {
	*bench
	told map[core.SerialID][]core.SerialState
	held []core.SerialID // in the order in which it was told
}

func keepDiary(b *bench) *diary {
	d := &diary{bench: b, told: map[core.SerialID][]core.SerialState{}}
	b.tasks.serials = func(news []core.SerialNews) []core.SerialID {
		for _, n := range news {
			d.told[n.Claim] = append(d.told[n.Claim], n.State)
			if n.State == core.SerialHeld {
				d.held = append(d.held, n.Claim)
			}
		}
		return nil
	}
	return d
}

// last waits until something was told of a claim and returns the latest.
func (d *diary) last(t *testing.T, id core.SerialID) (state core.SerialState) {
	t.Helper()
	d.tasks.wait(t, "news of "+string(id), func() bool {
		d.tasks.mu.Lock()
		defer d.tasks.mu.Unlock()
		if all := d.told[id]; len(all) > 0 {
			state = all[len(all)-1]
		}
		return state != ""
	})
	return state
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestSerialGroup follows a line: who holds, who waits, who is skipped, and what
// they are told.
func TestSerialGroup(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "queue", func(t *testing.T, open func() *store.DB) {
		b := fakes()
		d := keepDiary(b)
		q := start(t, Config{}, open(), b)
		ctx := t.Context()
		first, second, third := claim("c1", "prod", 1), claim("c2", "prod", 3), claim("c3", "prod", 3)
		for range 2 { // the second time changes nothing
			for _, c := range []core.SerialClaim{first, second, third, claim("other", "stage", 1)} {
				must(t, q.ClaimSerials(ctx, []core.SerialClaim{c}))
			}
		}
		if d.last(t, "c1") != core.SerialHeld || d.last(t, "other") != core.SerialHeld {
			t.Error("the first of each group does not hold it")
		}
		must(t, q.ClaimSerials(ctx, []core.SerialClaim{claim("late", "prod", 2)}))
		if got := d.last(t, "late"); got != core.SerialSkipped {
			t.Errorf("a claim of an older pipeline than one that waits is %s, want skipped", got)
		}
		got, err := q.SerialsWaiting(ctx, []core.SerialID{"c3", "c1", "nobody", "c2"})
		text := "waits for the serial group prod, which deploy of pipeline 1 of gh/acme/site holds"
		want := []core.SerialWait{{Holder: &first, Reason: text + "; 1 more before it"}, {}, {}, {Holder: &first, Reason: text}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("reasons (%v, -want +got):\n%s", err, diff)
		}
		list, err := q.ListSerials(ctx, "o")
		if err != nil || len(list) != 2 || list[0].Holder.ID != "c1" || len(list[0].Waiting) != 2 || list[0].HeldSince == nil {
			t.Errorf("the groups are %+v (%v)", list, err)
		}
		must(t, q.FreeSerial(ctx, core.SerialKey{Organization: "o", Key: "prod"}))
		if got := d.last(t, "c2"); got != core.SerialHeld {
			t.Errorf("after the group was freed by hand c2 is %s, want held", got)
		}
		must(t, q.ReleaseSerials(ctx, []core.SerialClaim{first})) // when it ends at last
		must(t, q.ReleaseSerials(ctx, []core.SerialClaim{second}))
		if got := d.last(t, "c3"); got != core.SerialHeld {
			t.Errorf("after the release c3 is %s, want held", got)
		}
		// A release that overtakes its claim counts.
		gone := claim("gone", "stage", 9)
		must(t, q.ReleaseSerials(ctx, []core.SerialClaim{gone, claim("other", "stage", 1)}))
		must(t, q.ClaimSerials(ctx, []core.SerialClaim{gone}))
		if err := q.FreeSerial(ctx, core.SerialKey{Organization: "o", Key: "stage"}); core.ErrorCode(err) != core.CodeNotFound {
			t.Errorf("a group that nobody holds was freed: %v", err)
		}
	})
}

func TestSerialClaimsExpire(t *testing.T) {
	t.Parallel()
	b := fakes()
	q := start(t, Config{SerialWait: time.Hour}, storetest.Open(t, "queue"), b)
	ctx := t.Context()
	must(t, q.ClaimSerials(ctx, []core.SerialClaim{claim("c1", "prod", 1), claim("c2", "prod", 1)}))
	must(t, q.expireSerials(ctx))
	q.deps.Clock = func() time.Time { return time.Now().Add(2 * time.Hour) }
	must(t, q.expireSerials(ctx))
	for id, want := range map[string]core.SerialState{"c1": core.SerialHeld, "c2": core.SerialExpired} {
		var row serialClaim
		if err := q.deps.DB.NewSelect().Model(&row).Where("id = ?", id).Scan(ctx); err != nil || row.State != want {
			t.Errorf("after two hours %s is %s (%v), want %s: only waiting has an end", id, row.State, err, want)
		}
	}
	must(t, q.ReleaseSerials(ctx, []core.SerialClaim{claim("c1", "prod", 1)}))
	q.deps.Clock = func() time.Time { return time.Now().Add(365 * 24 * time.Hour) }
	must(t, q.forgetSerials(ctx))
	for _, table := range []string{"serial_claims", "serial_groups"} {
		var n int
		if err := q.deps.DB.NewSelect().TableExpr(table).ColumnExpr("count(*)").Scan(ctx, &n); err != nil || n != 0 {
			t.Errorf("%s keeps %d rows (%v), want none", table, n, err)
		}
	}
}

// claimants play the workflows service: they claim, hold for a while, end or are
// gone, while calls fail and lose their answers.
type claimants struct {
	t *testing.T
	q func() core.Serials

	mu     sync.Mutex
	rand   *rand.Rand
	holder map[string]core.SerialID // by group
	of     map[core.SerialID]core.SerialClaim
	done   map[core.SerialID]bool
	held   int
	left   sync.WaitGroup // claims without an end
}

func (c *claimants) hear(news []core.SerialNews) (unwanted []core.SerialID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range news {
		claim := c.of[n.Claim]
		switch {
		case c.done[n.Claim]:
			unwanted = append(unwanted, n.Claim)
		case n.State != core.SerialHeld:
			c.done[n.Claim] = true
			c.left.Done()
		case c.holder[claim.Key] == n.Claim: // told again
		case c.holder[claim.Key] != "":
			c.t.Errorf("%s holds %s while %s does", n.Claim, claim.Key, c.holder[claim.Key])
		default:
			c.held++
			c.holder[claim.Key] = n.Claim
			go c.finish(claim)
		}
	}
	return unwanted
}

// finish ends a claimant that has its lock: from then on another may have it.
func (c *claimants) finish(claim core.SerialClaim) {
	c.mu.Lock()
	c.holder[claim.Key] = ""
	c.done[claim.ID] = true
	c.mu.Unlock()
	c.release(claim)
}

// giveUp ends a claimant that waits.
func (c *claimants) giveUp(claim core.SerialClaim) {
	c.mu.Lock()
	waits := c.holder[claim.Key] != claim.ID && !c.done[claim.ID]
	c.done[claim.ID] = c.done[claim.ID] || waits
	c.mu.Unlock()
	if waits {
		c.release(claim)
	}
}

func (c *claimants) release(claim core.SerialClaim) {
	c.repeat(func() error { return c.q().ReleaseSerials(context.Background(), []core.SerialClaim{claim}) })
	c.left.Done()
}

// repeat calls until there is an answer, and now and then once more.
func (c *claimants) repeat(call func() error) {
	for {
		err := call()
		c.mu.Lock()
		again := c.rand.IntN(3) == 0
		c.mu.Unlock()
		if err == nil && !again {
			return
		}
	}
}

// TestOneHolderAtATime has many claimants on two instances, one of which is
// replaced on the way: never two hold a group, and all have their end.
func TestOneHolderAtATime(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "queue", func(t *testing.T, open func() *store.DB) {
		b := fakes()
		r := rand.New(rand.NewPCG(3, 3))
		var mu sync.Mutex
		b.tasks.fail = func() error { return sometimes(r, &mu, 4) }
		first, second := start(t, Config{}, open(), b), start(t, Config{}, open(), b)
		c := &claimants{
			t: t, rand: rand.New(rand.NewPCG(5, 5)), holder: map[string]core.SerialID{},
			of: map[core.SerialID]core.SerialClaim{}, done: map[core.SerialID]bool{}, q: func() core.Serials { return second },
		}
		b.tasks.serials = c.hear
		var all []core.SerialClaim
		for i := range 120 {
			all = append(all, claim(fmt.Sprintf("c%03d", i), fmt.Sprintf("key%d", i%3), int64(1+i/10)))
			c.of[all[i].ID] = all[i]
		}
		c.left.Add(len(all))
		for i, one := range all {
			c.repeat(func() error { return second.ClaimSerials(t.Context(), []core.SerialClaim{one}) })
			if i%7 == 0 {
				c.giveUp(one)
			}
			if i == 60 {
				first.stop()
				start(t, Config{}, open(), b)
			}
		}
		c.left.Wait()
		if c.held < 60 {
			t.Errorf("%d of %d claims ever held their group", c.held, len(all))
		}
		if list, err := second.ListSerials(t.Context(), "o"); err != nil || len(list) != 0 {
			t.Errorf("groups that are held at the end: %+v (%v)", list, err)
		}
	})
}

// TestUnwantedClaims: a lock whose claimant is gone without a word goes to the
// next in line as soon as workflows says so.
func TestUnwantedClaims(t *testing.T) {
	t.Parallel()
	b := fakes()
	d := keepDiary(b)
	wanted := b.tasks.serials
	b.tasks.serials = func(news []core.SerialNews) (unwanted []core.SerialID) {
		for _, n := range news {
			if n.Claim == "c1" {
				unwanted = append(unwanted, n.Claim)
			}
		}
		return append(unwanted, wanted(news)...)
	}
	q := start(t, Config{}, storetest.Open(t, "queue"), b)
	must(t, q.ClaimSerials(t.Context(), []core.SerialClaim{claim("c1", "prod", 1), claim("c2", "prod", 1)}))
	if got := d.last(t, "c2"); got != core.SerialHeld {
		t.Errorf("the next in line is %s, want held", got)
	}
}
