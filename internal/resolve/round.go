// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"context"
	"sync"
)

// round is a walk over the instances of one service.
type round struct {
	mu    sync.Mutex
	asked map[string]bool // by address
}

type roundKey struct{}

// EachOnce returns a context whose requests go each to another instance of their
// service, for a caller that looks for the one which has what it needs. When all
// have been asked, or could not be connected to, a request is CodeUnavailable.
// Requests of one round are for one service.
func EachOnce(ctx context.Context) context.Context {
	return context.WithValue(ctx, roundKey{}, &round{asked: map[string]bool{}})
}

// roundOf returns the context's round, nil for none. A nil round has asked
// nobody and remembers nobody.
func roundOf(ctx context.Context) *round {
	r, _ := ctx.Value(roundKey{}).(*round)
	return r
}

// add notes an instance, and tells whether it is new.
func (r *round) add(address string) bool {
	if r == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.asked[address]
	r.asked[address] = true
	return !known
}

// of returns the instances of a service that were asked already.
func (r *round) of(s *service) (asked []*instance) {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.instances {
		if r.asked[i.address] {
			asked = append(asked, i)
		}
	}
	return asked
}
