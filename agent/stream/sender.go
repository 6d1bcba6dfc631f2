// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/klauspost/compress/zstd"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// Sender settings that are part of what users see, rather than of a site.
const (
	// pace is the least time between two small requests: the first byte after
	// a pause goes at once, what follows it within this time goes together. The
	// beginning of a step and its first bytes do not wait for it: they are what
	// a person looks out for, and there are no more of them than steps.
	pace = 50 * time.Millisecond
	// breath is what such a beginning waits for its neighbours: steps that do
	// little, as a job's first ones, come together, and the one that does much
	// does not wait for the answers to three requests.
	breath = 3 * time.Millisecond
	// patience is what the beginning of a step waits for the step's own first
	// bytes. A shell takes some milliseconds to its first line, which would wait
	// for the answer to the request that tells of the beginning.
	patience = 25 * time.Millisecond
	// large is how much is sent without regard to pace.
	large = 256 << 10
	// most is how much of the spool goes into one request.
	most = 512 << 10
)

// ErrLost says that the receiver no longer has what it acknowledged, so that
// the output cannot be completed.
var ErrLost = errors.New("output lost bytes that it had acknowledged")

// SenderConfig is what a claim's answer settles.
type SenderConfig struct {
	Heartbeat time.Duration // between two signs of life; 0 means 10 s
	Retry     Backoff       // zero means 100 ms to 5 s
}

// SenderDeps are what a Sender leans on.
type SenderDeps struct {
	Logger hclog.Logger
	Clock  core.Clock
	Spool  *Spool
	Client *Client
	// Stop is called when the receiver asks the agent to end its work, possibly
	// more than once.
	Stop func(reason string)
}

// Sender empties a spool over HTTP, one request at a time.
//
//	wait for bytes and the pace, ─► send ─► 2xx: acknowledge ─┐
//	a beginning, the heartbeat        │                       │
//	      ▲                           │                       │
//	      ├───────────────────────────┼───────────────────────┘
//	      ├─ 409: take over the lengths
//	      └─ back off ◄── anything else ──► 401, 403, 410: give up
type Sender struct {
	cfg      SenderConfig
	deps     SenderDeps
	pace     time.Duration
	patience time.Duration
	encoder  *zstd.Encoder
	ledger   *ledger
	records  []byte // reused
	body     []byte // reused
	packed   []byte // reused
	sent     time.Time
	failures int // since the last answer
}

// NewSender returns a Sender that has sent nothing.
func NewSender(cfg SenderConfig, deps SenderDeps) (*Sender, error) {
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = 10 * time.Second
	}
	if cfg.Retry.Least <= 0 {
		cfg.Retry = Backoff{Least: 100 * time.Millisecond, Most: 5 * time.Second}
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(256<<10))
	if err != nil {
		return nil, fmt.Errorf("making the compressor: %w", err)
	}
	return &Sender{cfg: cfg, deps: deps, pace: pace, patience: patience, encoder: encoder, ledger: newLedger()}, nil
}

// Run sends until the spool is finished and all of it acknowledged, and then
// returns nil. It returns an error when the receiver's answer is final, and
// the cause of ctx's end.
func (s *Sender) Run(ctx context.Context) error {
	s.sent = time.Now() // the claim: what is said first waits for a first step
	for {
		pending, urgent, finished := s.deps.Spool.pending()
		quiet := time.Since(s.sent)
		var err error
		switch {
		case pending == 0 && finished:
			return nil
		case pending > 0 && (finished || pending >= large || quiet >= s.pace):
			err = s.send(ctx)
		case urgent:
			s.breathe(ctx)
			err = s.send(ctx)
		case quiet >= s.cfg.Heartbeat:
			err = s.heartbeat(ctx)
		case pending > 0:
			s.rest(ctx, s.pace-quiet)
		default:
			s.rest(ctx, s.cfg.Heartbeat-quiet)
		}
		if err != nil {
			err = s.settle(ctx, err)
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// rest waits until something is appended, for a time at most.
func (s *Sender) rest(ctx context.Context, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-s.deps.Spool.more:
	case <-timer.C:
	}
}

// breathe gives what is urgent a moment to be complete.
func (s *Sender) breathe(ctx context.Context) {
	began := time.Now()
	timer := time.NewTimer(breath)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	for ctx.Err() == nil && s.deps.Spool.awaited() && time.Since(began) < s.patience {
		s.rest(ctx, s.patience-time.Since(began))
	}
}

func (s *Sender) heartbeat(ctx context.Context) error {
	s.sent = time.Now()
	acks, err := s.deps.Client.Heartbeat(ctx, wire.Heartbeat{At: s.deps.Clock()})
	if err != nil {
		return err
	}
	s.reached(acks)
	return nil
}

// send makes one request of what the spool holds.
func (s *Sender) send(ctx context.Context) error {
	if s.records == nil {
		s.records = make([]byte, most)
	}
	records, err := s.deps.Spool.read(s.records)
	if err != nil {
		return err
	}
	b := s.ledger.encode(records, s.body)
	s.body = b.body
	if len(b.body) > 0 {
		s.packed = s.encoder.EncodeAll(b.body, s.packed[:0])
		s.sent = time.Now()
		acks, err := s.deps.Client.Frames(ctx, s.packed)
		if err != nil {
			return err
		}
		s.reached(acks)
		for stream, length := range b.lengths {
			if told, ok := acks.Streams[stream]; ok && told < length {
				return &StatusError{Status: http.StatusConflict, Answer: wire.Error{Streams: acks.Streams}}
			}
		}
	}
	s.ledger.applied(b)
	s.deps.Spool.ack(b.records)
	return nil
}

// reached notes that the receiver answered, and heeds what it asks.
func (s *Sender) reached(acks wire.Acks) {
	if s.failures > 0 {
		s.deps.Logger.Info("output answers again", "tries", s.failures)
	}
	s.failures = 0
	s.cfg.Retry.Reset()
	if acks.Stop != "" {
		s.deps.Stop(acks.Stop)
	}
}

// settle decides what a failed request means: nil to go on.
func (s *Sender) settle(ctx context.Context, err error) error {
	var status *StatusError
	if errors.As(err, &status) {
		if status.Final() {
			return err
		}
		if status.Status == http.StatusConflict && !s.ledger.told(status.Answer.Streams) {
			return ErrLost
		}
	}
	s.failures++
	if status != nil && status.Status == http.StatusConflict && s.failures == 1 {
		return nil // the lengths are known now; only a second refusal is a fault
	}
	if s.failures == 1 || s.failures%20 == 0 {
		s.deps.Logger.Warn("output cannot be reached, the build goes on", "tries", s.failures, "error", err)
	}
	if s.failures%s.deps.Client.Addresses() == 0 { // else the next address may answer
		s.pause(ctx)
	}
	return nil
}

func (s *Sender) pause(ctx context.Context) {
	timer := time.NewTimer(s.cfg.Retry.Next())
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
