// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"context"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	// waitTime is how long Consul may hold a query in which nothing changes. It
	// is also how long a change may go unseen if Consul was restored to an older
	// index just between two queries.
	waitTime = time.Minute
	// Pauses after a failed query.
	firstPause = 200 * time.Millisecond
	lastPause  = 10 * time.Second
	// leastRound keeps a service that flaps, or a Consul that answers at once,
	// from turning the watch into a busy loop.
	leastRound = 50 * time.Millisecond
	// settling is for how long after an outage an empty list is not believed: an
	// agent that was started again counts all its instances as ill until it has
	// checked them, which takes an interval of their checks.
	settling = 20 * time.Second
)

// watch follows one service with blocking queries until ctx ends. On failure
// the addresses stay as they are.
func (c *Consul) watch(ctx context.Context, s *service) {
	logger := c.logger.With("service", s.name)
	var index uint64
	var settled time.Time
	pause, wait := firstPause, waitTime
	for ctx.Err() == nil {
		options := (&api.QueryOptions{WaitIndex: index, WaitTime: wait}).WithContext(ctx)
		entries, meta, err := c.client.Health().Service(c.prefix+s.name, "", true, options)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			logger.Warn("asking consul failed, keeping the last known addresses", "error", err, "pause", pause)
			rest(ctx, pause/2+rand.N(pause))
			pause = min(2*pause, lastPause)
			// Without an index the next answer comes at once. Consul may have
			// come back with another history.
			index = 0
			settled = c.clock().Add(settling)
			continue
		}
		pause, wait = firstPause, waitTime
		// Also when the index is the one asked with: after a restore it may
		// come to the same number with another content.
		addresses := addressesOf(entries)
		logger.Trace("service seen in consul", "addresses", addresses)
		if left := settled.Sub(c.clock()); len(addresses) == 0 && left > 0 && s.any() {
			logger.Info("consul is back and knows no healthy instance yet, keeping the last known addresses")
			wait = left // then it is believed
		} else {
			s.update(addresses)
		}
		// An index that went back means that Consul was restored; waiting for
		// one above it would be waiting forever.
		if meta.LastIndex < index {
			index = 0
		} else {
			index = meta.LastIndex
		}
		rest(ctx, leastRound)
	}
}

func addressesOf(entries []*api.ServiceEntry) []string {
	addresses := make([]string, 0, len(entries))
	for _, entry := range entries {
		host := entry.Service.Address
		if host == "" && entry.Node != nil {
			host = entry.Node.Address
		}
		if host == "" || entry.Service.Port == 0 {
			continue
		}
		addresses = append(addresses, net.JoinHostPort(host, strconv.Itoa(entry.Service.Port)))
	}
	return addresses
}

// rest waits for d or the end of ctx.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
