// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"testing"
	"time"
)

func addressOf(i *instance) string {
	if i == nil {
		return ""
	}
	return i.address
}

func TestEjection(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := newService("queue")
	s.update([]string{"a", "b"})
	a := s.pick(now, nil)
	s.eject(a, now)
	for range 4 {
		if got := s.pick(now, nil); addressOf(got) != "b" {
			t.Errorf("got %q while a is ejected", addressOf(got))
		}
	}
	b := s.instances[1]
	if got := s.pick(now, []*instance{b}); got != a {
		t.Errorf("got %q when nothing else is left, want the ejected one", addressOf(got))
	}
	if got := s.pick(now, []*instance{a, b}); got != nil {
		t.Errorf("got %q when all were tried", addressOf(got))
	}
	// A list that still has it does not absolve it.
	s.update([]string{"b", "a", "c"})
	for range 6 {
		if got := s.pick(now, nil); got == a {
			t.Error("the update lifted the ejection")
		}
	}
	// When its time is up, one request tries it.
	now = now.Add(firstEjection)
	tries := 0
	for range 6 {
		if s.pick(now, nil) == a {
			tries++
		}
	}
	if tries != 1 {
		t.Errorf("%d requests tried it, want 1", tries)
	}
	for range 20 {
		s.eject(a, now)
	}
	if got := a.until.Sub(now); got != lastEjection {
		t.Errorf("ejected for %s, want %s at most", got, lastEjection)
	}
	s.restore(a)
	if !a.until.IsZero() {
		t.Error("it is not restored")
	}
}

func TestPickNothing(t *testing.T) {
	t.Parallel()
	s := newService("queue")
	s.update(nil)
	if got := s.pick(time.Now(), nil); got != nil {
		t.Errorf("got %q of no instances", got.address)
	}
}
