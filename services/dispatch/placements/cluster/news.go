// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"sync"
)

// News hands what an embedded cluster notices to all who watch. The zero News
// is ready for use.
type News struct {
	mu       sync.Mutex
	watchers map[*watcher]bool
}

// watcher is one call of Watch. What it has not handed on waits in news, so
// that a slow receiver holds up nobody and misses nothing. News.mu guards it.
type watcher struct {
	more chan struct{} // capacity 1
	news []Allocation
}

// Tell hands an allocation to all who watch now.
func (n *News) Tell(a Allocation) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for w := range n.watchers {
		w.news = append(w.news, a)
		select {
		case w.more <- struct{}{}:
		default:
		}
	}
}

// Watch calls receive with what is told from now on, until ctx ends.
func (n *News) Watch(ctx context.Context, receive func([]Allocation)) error {
	w := &watcher{more: make(chan struct{}, 1)}
	n.mu.Lock()
	if n.watchers == nil {
		n.watchers = map[*watcher]bool{}
	}
	n.watchers[w] = true
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		delete(n.watchers, w)
		n.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.more:
			n.mu.Lock()
			some := w.news
			w.news = nil
			n.mu.Unlock()
			if len(some) > 0 {
				receive(some)
			}
		}
	}
}
