// SPDX-License-Identifier: MPL-2.0

package process

import (
	"context"
	"sync"

	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// watcher is one call of Watch. What it has not handed on waits in news, so
// that a slow receiver holds up nobody and misses nothing.
type watcher struct {
	more chan struct{} // capacity 1

	mu   sync.Mutex
	news []cluster.Allocation
}

func (w *watcher) add(a cluster.Allocation) {
	w.mu.Lock()
	w.news = append(w.news, a)
	w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
}

func (w *watcher) take() []cluster.Allocation {
	w.mu.Lock()
	defer w.mu.Unlock()
	news := w.news
	w.news = nil
	return news
}

// Watch implements cluster.Cluster.
func (c *Cluster) Watch(ctx context.Context, news func([]cluster.Allocation)) error {
	if c.attached(ctx) != nil {
		return nil
	}
	w := &watcher{more: make(chan struct{}, 1)}
	c.mu.Lock()
	c.watchers[w] = true
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.watchers, w)
		c.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.more:
			if some := w.take(); len(some) > 0 {
				news(some)
			}
		}
	}
}
