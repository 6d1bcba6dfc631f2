// SPDX-License-Identifier: MPL-2.0

package workload

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/muster-ci/muster/core"
)

// keySet is the issuer's keys as last seen.
//
//	key known, young ──────────────────────────► answer
//	key known, old ──► fetch if it is free ────► answer, from the old keys on failure
//	key unknown ─────► fetch, at most every 3 s ► answer, unauthorized, or unavailable
type keySet struct {
	url    string
	client *http.Client
	clock  core.Clock
	turn   chan struct{} // holds one token while a fetch is under way

	mu      sync.Mutex
	keys    map[string]publicKey
	fetched time.Time // of the last success
	tried   time.Time // begin of the last fetch
	fetches int       // begun so far
	failure error     // of the last fetch; nil after a success
}

func (s *keySet) key(ctx context.Context, id string) (publicKey, error) {
	key, known, old := s.look(id)
	if known {
		// Only one caller pays for the refresh; the others go on with what
		// there is.
		if old && s.begin() {
			s.fetch(ctx)
			<-s.turn
			if again, still, _ := s.look(id); still {
				return again, nil
			}
			return publicKey{}, unknownKey(id)
		}
		return key, nil
	}
	return s.find(ctx, id)
}

// find fetches for the sake of one key. "Unknown" is said only after a fetch
// that began after the question: an agent gives up for good on it, and the key
// may be a minute old.
func (s *keySet) find(ctx context.Context, id string) (publicKey, error) {
	before, _, _ := s.history()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return publicKey{}, unavailable(ctx.Err())
	}
	// A fetch that was under way when we asked may have brought the key.
	if key, known, _ := s.look(id); known {
		return key, nil
	}
	fetches, tried, failure := s.history()
	// Those who waited for a fetch that began after they asked share its answer.
	if fetches == before {
		if fetches > 0 && s.clock().Sub(tried) < refetchAfter {
			return publicKey{}, unavailable(failure)
		}
		failure = s.fetch(ctx)
	}
	if key, known, _ := s.look(id); known {
		return key, nil
	}
	if failure != nil {
		return publicKey{}, unavailable(failure)
	}
	return publicKey{}, unknownKey(id)
}

// history tells of the fetches so far: how many, when the last began, how it ended.
func (s *keySet) history() (fetches int, tried time.Time, failure error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches, s.tried, s.failure
}

func (s *keySet) look(id string) (key publicKey, known, old bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, known = s.keys[id]
	now := s.clock()
	return key, known, now.Sub(s.fetched) > refreshAfter && now.Sub(s.tried) > refreshAgain
}

func (s *keySet) begin() bool {
	select {
	case s.turn <- struct{}{}:
		return true
	default:
		return false
	}
}

// fetch replaces the keys; the caller holds the turn. On failure the keys stay.
func (s *keySet) fetch(ctx context.Context) error {
	s.mu.Lock()
	s.tried = s.clock()
	s.fetches++
	s.mu.Unlock()
	// One caller fetches for all who wait, so that its own end must not be the
	// others' failure. fetchKeys has a time limit.
	keys, err := fetchKeys(context.WithoutCancel(ctx), s.client, s.url)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
	if err == nil {
		s.keys, s.fetched = keys, s.clock()
	}
	return err
}

func unknownKey(id string) error {
	return core.Errorf(core.CodeUnauthorized, "the workload identity token is signed with the key %.40q, which its issuer does not have", id)
}

func unavailable(err error) error {
	return &core.Error{Code: core.CodeUnavailable, Message: "the keys of the workload identities cannot be had now", Err: err}
}
