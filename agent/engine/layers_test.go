// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	keyA = strings.Repeat("a", 64)
	keyB = strings.Repeat("b", 64)
)

// newTestShelf has room, and a clock that the test moves.
func newTestShelf(t *testing.T) (s *shelf, pass func(time.Duration), free *int) {
	t.Helper()
	now, room := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 50
	s = &shelf{dir: t.TempDir(), now: func() time.Time { return now }, free: func(string) (int, error) { return room, nil }}
	return s, func(d time.Duration) { now = now.Add(d) }, &room
}

func mustTake(t *testing.T, s *shelf, key string) *book {
	t.Helper()
	taken, err := s.take(key)
	if err != nil || taken == nil {
		t.Fatalf("got %v, %v", taken, err)
	}
	return taken
}

// fill puts a file where an engine keeps its own, and gives the data back.
func fill(t *testing.T, s *shelf, b *book) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.data(b.name), "layer"), []byte(b.name), 0o600); err != nil {
		t.Fatal(err)
	}
	giveBack(t, b)
}

func giveBack(t *testing.T, b *book) {
	t.Helper()
	if err := b.lock.Close(); err != nil {
		t.Fatal(err)
	}
}

func filled(s *shelf, name string) bool {
	_, err := os.Stat(filepath.Join(s.data(name), "layer"))
	return err == nil
}

func TestLayersAreTakenByOneAtATime(t *testing.T) {
	t.Parallel()
	s, pass, _ := newTestShelf(t)
	first, second := mustTake(t, s, keyA), mustTake(t, s, keyA)
	other := mustTake(t, s, keyB)
	if first.name == second.name || !strings.HasPrefix(other.name, keyB) {
		t.Fatalf("got %s, %s and %s", first.name, second.name, other.name)
	}
	fill(t, s, second)
	pass(time.Minute)
	if again := mustTake(t, s, keyA); again.name != second.name || !filled(s, again.name) {
		t.Errorf("got %s, want what is free: %s", again.name, second.name)
	}
}

func TestLayersThatWereUsedLastAreTakenFirst(t *testing.T) {
	t.Parallel()
	s, pass, _ := newTestShelf(t)
	first, second := mustTake(t, s, keyA), mustTake(t, s, keyA)
	fill(t, s, first)
	fill(t, s, second)
	pass(time.Minute)
	last := mustTake(t, s, keyA)
	giveBack(t, last)
	pass(time.Minute)
	if again := mustTake(t, s, keyA); again.name != last.name {
		t.Errorf("got %s, want %s", again.name, last.name)
	}
}

// The engine of the job before is often still stopping.
func TestLayersThatAreSoonFreeAreWaitedFor(t *testing.T) {
	t.Parallel()
	s, _, _ := newTestShelf(t)
	s.wait = time.Minute
	first := mustTake(t, s, keyA)
	looked := make(chan struct{})
	s.free = func(string) (int, error) {
		close(looked)
		return 50, nil
	}
	freed := make(chan error)
	go func() {
		<-looked
		freed <- first.lock.Close()
	}()
	if next := mustTake(t, s, keyA); next.name != first.name {
		t.Errorf("got %s, want %s", next.name, first.name)
	}
	if err := <-freed; err != nil {
		t.Error(err)
	}
}

func TestTooManyEnginesKeepNothing(t *testing.T) {
	t.Parallel()
	s, _, _ := newTestShelf(t)
	for range layersMost {
		mustTake(t, s, keyA)
	}
	if taken, err := s.take(keyA); taken != nil || err != nil {
		t.Errorf("got %v, %v", taken, err)
	}
	mustTake(t, s, keyB)
}

func TestUnusedLayersAreRemoved(t *testing.T) {
	t.Parallel()
	s, pass, free := newTestShelf(t)
	old, held := mustTake(t, s, keyA), mustTake(t, s, keyA)
	fill(t, s, old)
	pass(layersFor - time.Minute)
	young := mustTake(t, s, keyB)
	fill(t, s, young)
	pass(time.Minute)
	giveBack(t, mustTake(t, s, keyB))
	if filled(s, old.name) || !filled(s, young.name) {
		t.Errorf("old is there: %v, young is there: %v", filled(s, old.name), filled(s, young.name))
	}
	if _, err := os.Stat(s.data(held.name)); err != nil {
		t.Errorf("what an engine has was removed: %v", err)
	}
	// On a full disk the layers of others go first, and its own as well.
	*free = layersFree - 1
	taken := mustTake(t, s, keyB)
	if filled(s, taken.name) || filled(s, young.name) {
		t.Error("nothing was removed from a full disk")
	}
}

func TestOthersLayersGoFirst(t *testing.T) {
	t.Parallel()
	s, pass, _ := newTestShelf(t)
	own := mustTake(t, s, keyA)
	fill(t, s, own)
	pass(time.Hour)
	other := mustTake(t, s, keyB)
	fill(t, s, other)
	pass(time.Hour)
	s.free = func(string) (int, error) { // full until the other's is gone
		if filled(s, other.name) {
			return 0, nil
		}
		return layersFree, nil
	}
	if taken := mustTake(t, s, keyA); taken.name != own.name || !filled(s, own.name) || filled(s, other.name) {
		t.Errorf("own is there: %v, the other's is there: %v", filled(s, own.name), filled(s, other.name))
	}
}

func TestKeysOfLayers(t *testing.T) {
	t.Parallel()
	s, _, _ := newTestShelf(t)
	for _, key := range []string{"", "..", "a", strings.Repeat("x", 64), keyA[:63] + "/"} {
		if taken, err := s.take(key); err == nil {
			t.Errorf("%q: got %v, want an error", key, taken)
		}
	}
}

// A lock may be removed between opening and locking it.
func TestARemovedLockIsNotTaken(t *testing.T) {
	t.Parallel()
	s, pass, _ := newTestShelf(t)
	b := mustTake(t, s, keyA)
	fill(t, s, b)
	pass(2 * layersFor)
	if err := s.remove(b.name); err != nil {
		t.Fatal(err)
	}
	again := mustTake(t, s, keyA)
	if _, err := os.Stat(filepath.Join(s.dir, "locks", again.name)); err != nil {
		t.Errorf("the lock is not there: %v", err)
	}
}
