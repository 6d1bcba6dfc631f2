// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"sync"
	"time"
)

const (
	firstEjection = time.Second
	lastEjection  = 30 * time.Second
)

// service is what is known of one service's instances.
type service struct {
	name  string
	heard chan struct{} // closed once Consul has answered

	mu        sync.Mutex
	known     bool
	instances []*instance
	next      int
}

// instance is guarded by its service's mutex.
//
//	in use ──no connection──► ejected for 1 s, then 2 s ... 30 s
//	   ▲                          │ time is up: one request tries it
//	   └──────connected───────────┘
type instance struct {
	address  string
	failures int
	until    time.Time // ejected until then
}

func newService(name string) *service {
	return &service{name: name, heard: make(chan struct{})}
}

// update takes over Consul's list. Instances that stay keep their ejection.
func (s *service) update(addresses []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := make(map[string]*instance, len(s.instances))
	for _, i := range s.instances {
		old[i.address] = i
	}
	s.instances = make([]*instance, 0, len(addresses))
	for _, address := range addresses {
		i := old[address]
		if i == nil {
			i = &instance{address: address}
		}
		s.instances = append(s.instances, i)
	}
	if !s.known {
		s.known = true
		close(s.heard)
	}
}

// any tells whether an instance is known.
func (s *service) any() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.instances) > 0
}

// pick returns the next instance in turn that is not ejected and not in tried.
// When all are ejected the one whose time is up first is tried all the same:
// Consul says that it is healthy, and there is nothing to lose. It returns nil
// when all have been tried.
func (s *service) pick(now time.Time, tried []*instance) *instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ejected *instance
	for range s.instances {
		i := s.instances[s.next%len(s.instances)]
		s.next = (s.next + 1) % len(s.instances)
		if contains(tried, i) {
			continue
		}
		if !now.Before(i.until) {
			if i.failures > 0 {
				// Others keep away until this one request has told.
				i.until = now.Add(dialTimeout)
			}
			return i
		}
		if ejected == nil || i.until.Before(ejected.until) {
			ejected = i
		}
	}
	return ejected
}

func contains(tried []*instance, i *instance) bool {
	for _, t := range tried {
		if t == i {
			return true
		}
	}
	return false
}

func (s *service) eject(i *instance, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i.until = now.Add(min(firstEjection<<min(i.failures, 10), lastEjection))
	i.failures++
}

func (s *service) restore(i *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i.failures, i.until = 0, time.Time{}
}
