// SPDX-License-Identifier: MPL-2.0

package hints

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/muster-ci/muster/core"
)

const (
	channel        = "muster_hints"
	connectTimeout = 5 * time.Second
	closeTimeout   = time.Second
	// sendTimeout bounds how long a dead connection can hide.
	sendTimeout = 10 * time.Second
	// probeEvery is how often a silent connection is asked whether it lives.
	probeEvery  = 30 * time.Second
	reconnectLo = 100 * time.Millisecond
	reconnectHi = 5 * time.Second
	// maxPending bounds what is kept for other processes while the database is
	// away. What goes over it is lost, which costs them one poll.
	maxPending = 4096
)

// Postgres is Hints among all processes that use one PostgreSQL database, by
// LISTEN and NOTIFY on one channel. It holds one connection.
//
//	Run:  connect -> LISTEN -> wake everyone -> wait <-> send
//	         ^                                     |
//	         +----- back-off <- connection lost ---+
type Postgres struct {
	conf   *pgx.ConnConfig
	logger hclog.Logger
	local  *Local
	unsent chan struct{} // capacity 1: pending is not empty

	mu      sync.Mutex
	pending map[string]struct{}
}

// NewPostgres returns Hints for the database behind dsn, a PostgreSQL URL. It
// does not connect; until Run does, and whenever the database is away, hints
// reach this process only.
func NewPostgres(dsn string, logger hclog.Logger) (*Postgres, error) {
	conf, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "reading the hints dsn: %w", err)
	}
	conf.RuntimeParams["application_name"] = "muster-hints"
	conf.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	if conf.ConnectTimeout == 0 {
		conf.ConnectTimeout = connectTimeout
	}
	p := &Postgres{
		conf:    conf,
		logger:  logger,
		local:   NewLocal(),
		unsent:  make(chan struct{}, 1),
		pending: make(map[string]struct{}),
	}
	conf.OnNotification = p.receive
	return p, nil
}

// Subscribe implements Hints.
func (p *Postgres) Subscribe(topic string) (<-chan struct{}, func()) {
	return p.local.Subscribe(topic)
}

// Notify implements Hints. Subscribers in this process are woken before it
// returns, without the way through the database.
func (p *Postgres) Notify(topic string) {
	p.local.Notify(topic)
	if topic == "" || len(topic) > MaxTopic {
		return
	}
	p.keep(topic)
	select {
	case p.unsent <- struct{}{}:
	default:
	}
}

// receive is called by pgx within Run's goroutine for each notification.
func (p *Postgres) receive(conn *pgconn.PgConn, n *pgconn.Notification) {
	// One's own was delivered by Notify.
	if n.Channel == channel && n.PID != conn.PID() {
		p.local.Notify(n.Payload)
	}
}

// Run keeps the connection up until ctx ends, then returns nil. Trouble with
// the database is logged and waited out.
func (p *Postgres) Run(ctx context.Context) error {
	wait := reconnectLo
	for {
		began := time.Now()
		err := p.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > reconnectHi {
			wait = reconnectLo
		}
		p.logger.Warn("lost the database of hints, polling goes on", "error", err, "retry_in", wait)
		timer := time.NewTimer(wait/2 + rand.N(wait/2))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		wait = min(2*wait, reconnectHi)
	}
}

// session lives as long as one connection and returns why it ended.
func (p *Postgres) session(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, p.conf)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = conn.Close(ctx) // it may be broken; the server notices either way
	}()
	if err := exec(ctx, conn, "LISTEN "+channel); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	// What was said while nobody listened here is lost.
	p.local.wakeAll()
	for {
		if err := p.send(ctx, conn); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
		if err := p.listen(ctx, conn); err != nil {
			return fmt.Errorf("waiting: %w", err)
		}
	}
}

// listen waits for hints until there is something to send, or it is time to see
// whether the connection still lives.
func (p *Postgres) listen(ctx context.Context, conn *pgx.Conn) error {
	waiting, stop := context.WithTimeout(ctx, probeEvery)
	defer stop()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-p.unsent:
			stop()
		case <-waiting.Done():
		}
	}()
	// pgx hands the hints to receive and keeps the connection when only the
	// context of a wait ends.
	var err error
	for err == nil {
		_, err = conn.WaitForNotification(waiting)
	}
	stop()
	<-watched
	if ctx.Err() == nil && waiting.Err() != nil && !conn.IsClosed() {
		return nil
	}
	return errors.Join(err, ctx.Err())
}

// send tells the other processes all that is pending in one statement; with
// nothing pending the statement shows that the connection lives.
func (p *Postgres) send(ctx context.Context, conn *pgx.Conn) error {
	topics := p.take()
	err := exec(ctx, conn, "SELECT pg_notify('"+channel+"', topic) FROM unnest($1::text[]) AS topic", topics)
	if err != nil {
		p.keep(topics...)
	}
	return err
}

// exec does not wait for ever where a network swallows packets.
func exec(ctx context.Context, conn *pgx.Conn, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	_, err := conn.Exec(ctx, query, args...)
	return err
}

// take empties what is pending before it is sent: a topic that is notified
// while the statement runs needs a statement of its own.
func (p *Postgres) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	topics := slices.Collect(maps.Keys(p.pending))
	clear(p.pending)
	return topics
}

func (p *Postgres) keep(topics ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, topic := range topics {
		if len(p.pending) < maxPending {
			p.pending[topic] = struct{}{}
		}
	}
}
