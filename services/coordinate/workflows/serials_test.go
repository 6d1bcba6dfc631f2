// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/muster-ci/muster/core"
)

// fakeSerials gives each key to one claim at a time, in the order of arrival, and
// keeps its news for whoever plays the queue's hand-over.
type fakeSerials struct {
	lock    sync.Mutex
	claims  map[core.SerialID]core.SerialState
	lines   map[string][]core.SerialClaim // open, the holder first
	news    []core.SerialNews
	away    func() error
	skipAll bool // as if a newer pipeline were always there
}

func newFakeSerials() *fakeSerials {
	return &fakeSerials{
		claims: map[core.SerialID]core.SerialState{}, lines: map[string][]core.SerialClaim{},
		away: func() error { return nil },
	}
}

func (f *fakeSerials) ClaimSerials(_ context.Context, claims []core.SerialClaim) error {
	f.lock.Lock()
	defer f.lock.Unlock()
	if err := f.away(); err != nil {
		return err
	}
	for _, c := range claims {
		switch {
		case f.claims[c.ID] != "":
		case f.skipAll:
			f.claims[c.ID] = core.SerialSkipped
			f.tell(c, core.SerialSkipped, "a newer pipeline is there")
		default:
			f.claims[c.ID] = core.SerialWaiting
			f.lines[c.Key] = append(f.lines[c.Key], c)
			f.grant(c.Key)
		}
	}
	return f.away()
}

func (f *fakeSerials) ReleaseSerials(_ context.Context, claims []core.SerialClaim) error {
	f.lock.Lock()
	defer f.lock.Unlock()
	if err := f.away(); err != nil {
		return err
	}
	for _, c := range claims {
		f.end(c)
	}
	return f.away()
}

func (f *fakeSerials) end(c core.SerialClaim) {
	f.claims[c.ID] = core.SerialReleased
	f.lines[c.Key] = slices.DeleteFunc(f.lines[c.Key], func(o core.SerialClaim) bool { return o.ID == c.ID })
	f.grant(c.Key)
}

func (f *fakeSerials) grant(key string) {
	if line := f.lines[key]; len(line) > 0 && f.claims[line[0].ID] == core.SerialWaiting {
		f.claims[line[0].ID] = core.SerialHeld
		f.tell(line[0], core.SerialHeld, "")
	}
}

func (f *fakeSerials) tell(c core.SerialClaim, state core.SerialState, reason string) {
	f.news = append(f.news, core.SerialNews{Claim: c.ID, Workflow: c.Workflow, State: state, Reason: reason})
}

// take returns the news so far.
func (f *fakeSerials) take() []core.SerialNews {
	f.lock.Lock()
	defer f.lock.Unlock()
	return slices.Clone(f.news)
}

// told drops the first n news, and claims that nobody wants.
func (f *fakeSerials) told(n int, unwanted []core.SerialID) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.news = f.news[n:]
	for _, line := range f.lines {
		for _, c := range slices.Clone(line) {
			if slices.Contains(unwanted, c.ID) {
				f.end(c)
			}
		}
	}
}

// held returns who holds a key, "" for nobody.
func (f *fakeSerials) held(key string) string {
	f.lock.Lock()
	defer f.lock.Unlock()
	if line := f.lines[key]; len(line) > 0 {
		return line[0].Name + " of " + string(line[0].Workflow)
	}
	return ""
}

func (f *fakeSerials) SerialsWaiting(_ context.Context, ids []core.SerialID) ([]core.SerialWait, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	waits := make([]core.SerialWait, len(ids))
	for i, id := range ids {
		for key, line := range f.lines {
			if at := slices.IndexFunc(line, func(c core.SerialClaim) bool { return c.ID == id }); at > 0 {
				waits[i] = core.SerialWait{Holder: &line[0], Reason: fmt.Sprintf("%s is held by %s", key, line[0].Name)}
			}
		}
	}
	return waits, f.away()
}

func (f *fakeSerials) ListSerials(context.Context, core.OrganizationID) ([]core.SerialGroup, error) {
	return nil, nil
}

func (f *fakeSerials) FreeSerial(context.Context, core.SerialKey) error { return nil }
