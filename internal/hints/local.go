// SPDX-License-Identifier: MPL-2.0

package hints

import "sync"

// Local is Hints within one process.
type Local struct {
	mu     sync.RWMutex
	topics map[string]map[*subscription]struct{}
}

type subscription struct{ ch chan struct{} }

// wake leaves a hint unless one lies there already.
func (s *subscription) wake() {
	select {
	case s.ch <- struct{}{}:
	default:
	}
}

// NewLocal returns Hints without subscribers.
func NewLocal() *Local {
	return &Local{topics: make(map[string]map[*subscription]struct{})}
}

// Notify implements Hints.
func (l *Local) Notify(topic string) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for s := range l.topics[topic] {
		s.wake()
	}
}

// Subscribe implements Hints.
func (l *Local) Subscribe(topic string) (<-chan struct{}, func()) {
	s := &subscription{ch: make(chan struct{}, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.topics[topic] == nil {
		l.topics[topic] = make(map[*subscription]struct{})
	}
	l.topics[topic][s] = struct{}{}
	return s.ch, func() { l.remove(topic, s) }
}

func (l *Local) remove(topic string, s *subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.topics[topic], s)
	// Topics may be made of ids, such as one per watched step.
	if len(l.topics[topic]) == 0 {
		delete(l.topics, topic)
	}
}

// wakeAll is for when hints may have been missed.
func (l *Local) wakeAll() {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, subs := range l.topics {
		for s := range subs {
			s.wake()
		}
	}
}
