// SPDX-License-Identifier: MPL-2.0

package usage

import (
	"context"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

const (
	// Interval lies between two samples.
	Interval = 5 * time.Second
	// perEvent is how many samples are told at once.
	perEvent = 6
	// shortest is the least time that the last sample must stand for.
	shortest = 100 * time.Millisecond
)

// Sampler takes samples and tells them.
type Sampler struct {
	read  func() Reading
	clock core.Clock
	limit core.UsageLimit
	tell  func(wire.Usage) error

	begin, last Reading
	lastAt      time.Time
	pending     wire.Usage
}

// NewSampler returns a Sampler that begins to count now. tell gets the samples,
// in the goroutine of Run.
func NewSampler(read func() Reading, clock core.Clock, limit core.UsageLimit, tell func(wire.Usage) error) *Sampler {
	s := &Sampler{read: read, clock: clock, limit: limit, tell: tell}
	s.begin, s.lastAt = read(), clock()
	s.last = s.begin
	return s
}

// Run samples at each tick until ctx ends, then once more for the rest, and
// tells what has not been told. It returns the first error of tell.
func (s *Sampler) Run(ctx context.Context, ticks <-chan time.Time) error {
	for {
		select {
		case <-ctx.Done():
			if s.clock().Sub(s.lastAt) >= shortest {
				s.sample()
			}
			return s.flush()
		case <-ticks:
			s.sample()
			if len(s.pending.CPU) >= perEvent {
				if err := s.flush(); err != nil {
					return err
				}
			}
		}
	}
}

func (s *Sampler) sample() {
	at, now := s.clock(), s.read()
	cores := 0.0
	if elapsed := at.Sub(s.lastAt); elapsed > 0 && now.CPU > s.last.CPU {
		cores = float64(now.CPU-s.last.CPU) / float64(elapsed)
	}
	p := &s.pending
	p.CPU = append(p.CPU, cores)
	p.Memory = append(p.Memory, now.Memory)
	p.Disk = append(p.Disk, max(0, now.Disk-s.begin.Disk))
	p.NetworkIn = max(0, now.NetworkIn-s.begin.NetworkIn)
	p.NetworkOut = max(0, now.NetworkOut-s.begin.NetworkOut)
	s.last, s.lastAt = now, at
}

func (s *Sampler) flush() error {
	if len(s.pending.CPU) == 0 {
		return nil
	}
	told := s.pending
	told.Interval, told.Class = Interval, s.limit
	s.pending = wire.Usage{NetworkIn: told.NetworkIn, NetworkOut: told.NetworkOut}
	return s.tell(told)
}
