// SPDX-License-Identifier: MPL-2.0

package hints_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patient = 30 * time.Second // for what must happen; nothing waits for its end

// each runs f on both implementations. peer returns Hints as another process
// would have them, ready to send and receive; for Local that is the same.
func each(t *testing.T, f func(t *testing.T, peer func() hints.Hints)) {
	t.Run("local", func(t *testing.T) {
		t.Parallel()
		local := hints.NewLocal()
		f(t, func() hints.Hints { return local })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dsn := storetest.PostgresDSN(t)
		f(t, func() hints.Hints { return start(t, dsn) })
	})
}

// start runs a Postgres and waits until it listens: it wakes everyone then.
func start(t *testing.T, dsn string) *hints.Postgres {
	t.Helper()
	p, err := hints.NewPostgres(dsn, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	ready, cancel := p.Subscribe("ready")
	defer cancel()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := p.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(func() { stop(); <-ended })
	take(t, ready, "the connection")
	return p
}

func take(t *testing.T, ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(patient):
		t.Fatalf("timed out waiting for %s", what)
	}
}

func TestHintsArrive(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, peer func() hints.Hints) {
		a, b := peer(), peer()
		for i := range 20 {
			topic := fmt.Sprintf("queue.it's %d", i)
			here, cancel1 := a.Subscribe(topic)
			there, cancel2 := b.Subscribe(topic)
			a.Notify(topic)
			take(t, here, "the hint in the same process")
			take(t, there, "the hint in the other process")
			cancel1()
			cancel2()
		}
	})
}

func TestHintsGoToTheirTopicOnly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, peer func() hints.Hints) {
		a, b := peer(), peer()
		wrong, cancel := b.Subscribe("queue.other")
		defer cancel()
		right, cancel := b.Subscribe("queue.tasks")
		defer cancel()
		a.Notify("queue.tasks")
		take(t, right, "the hint")
		select {
		case <-wrong:
			t.Error("a hint for another topic")
		default:
		}
	})
}

func TestHintsCoalesceAndNeverWait(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, peer func() hints.Hints) {
		a, b := peer(), peer()
		ch, cancel := b.Subscribe("queue.tasks")
		defer cancel()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range 200 {
					a.Notify("queue.tasks")
				}
			})
		}
		wg.Wait()
		take(t, ch, "a hint")
		if cap(ch) != 1 {
			t.Errorf("the channel holds %d hints, want 1", cap(ch))
		}
		// After all that the next one still comes; a late one may come first.
		drain(ch)
		a.Notify("queue.tasks")
		take(t, ch, "the hint after the flood")
	})
}

func drain(ch <-chan struct{}) {
	select {
	case <-ch:
	default:
	}
}

func TestCancelEndsASubscription(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, peer func() hints.Hints) {
		a, b := peer(), peer()
		gone, cancelGone := b.Subscribe("queue.tasks")
		stays, cancel := b.Subscribe("queue.tasks")
		defer cancel()
		cancelGone()
		cancelGone()
		a.Notify("queue.tasks")
		take(t, stays, "the hint of the other subscription")
		select {
		case <-gone:
			t.Error("a hint after cancel")
		default:
		}
	})
}

func TestSubscribeAndCancelUnderLoad(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, peer func() hints.Hints) {
		a, b := peer(), peer()
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				topic := fmt.Sprint("t", i%3)
				for range 50 {
					ch, cancel := b.Subscribe(topic)
					a.Notify(topic)
					take(t, ch, "a hint")
					cancel()
				}
			})
		}
		wg.Wait()
	})
}

// What is said while the connection is down wakes those who listen after it.
func TestPostgresReconnects(t *testing.T) {
	t.Parallel()
	dsn := storetest.PostgresDSN(t)
	a, b := start(t, dsn), start(t, dsn)
	ch, cancel := b.Subscribe("queue.tasks")
	defer cancel()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for range 3 {
		tag, err := conn.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'muster-hints' AND datname = current_database()")
		if err != nil || tag.RowsAffected() == 0 {
			t.Fatalf("ended %d connections, %v", tag.RowsAffected(), err)
		}
		a.Notify("queue.tasks")
		take(t, ch, "a hint after the connection was lost")
		settle(t, a, b)
		drain(ch)
	}
}

// settle waits until hints go both ways again.
func settle(t *testing.T, a, b *hints.Postgres) {
	t.Helper()
	for _, pair := range [][2]*hints.Postgres{{a, b}, {b, a}} {
		// A topic nobody used before cannot be woken by anything but these two.
		ch, cancel := pair[1].Subscribe("settle")
		pair[0].Notify("settle")
		take(t, ch, "hints to go on")
		cancel()
	}
}

func TestPostgresWithoutDatabase(t *testing.T) {
	t.Parallel()
	if _, err := hints.NewPostgres("postgres://host:port/", hclog.NewNullLogger()); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("a broken dsn: got %v, want it refused", err)
	}
	p, err := hints.NewPostgres("postgres:///none?host="+t.TempDir(), hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	long := strings.Repeat("x", hints.MaxTopic+1)
	ch, cancel := p.Subscribe(long)
	defer cancel()
	p.Notify(long)
	take(t, ch, "the hint in the same process")
	for i := range 10_000 {
		p.Notify(fmt.Sprint(i))
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func BenchmarkPostgresRoundTrip(b *testing.B) {
	dsn := storetest.PostgresDSN(b)
	var peers [2]*hints.Postgres
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i := range peers {
		p, err := hints.NewPostgres(dsn, hclog.NewNullLogger())
		if err != nil {
			b.Fatal(err)
		}
		ready, cancel := p.Subscribe("ready")
		wg.Go(func() { _ = p.Run(ctx) })
		<-ready
		cancel()
		peers[i] = p
	}
	b.Cleanup(func() { stop(); wg.Wait() })
	ping, _ := peers[1].Subscribe("ping")
	pong, _ := peers[0].Subscribe("pong")
	for b.Loop() {
		peers[0].Notify("ping")
		<-ping
		peers[1].Notify("pong")
		<-pong
	}
}
