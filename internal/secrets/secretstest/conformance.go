// SPDX-License-Identifier: MPL-2.0

package secretstest

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/secrets"
)

// Implementation is the whole seam.
type Implementation interface {
	secrets.Sealer
	secrets.Rotator
	secrets.Keeper
}

// Run runs the suite. open returns an instance on the same keys and store each
// time that it is called in one subtest, and on others in other subtests.
func Run(t *testing.T, begin func(t *testing.T) (open func() Implementation)) {
	t.Helper()
	for name, story := range map[string]func(*testing.T, func() Implementation){
		"round trip": roundTrip, "binding": binding, "damage": damage, "rotation": rotation,
		"names": names, "sizes": sizes, "first use at once": firstUseAtOnce,
		"store": store, "store paths": storePaths,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, begin(t))
		})
	}
}

var place = []byte("project variable/p1/NAME")

func seal(t *testing.T, s secrets.Sealer, key string, plain, context []byte) string {
	t.Helper()
	sealed, err := s.Seal(t.Context(), key, plain, context)
	if err != nil {
		t.Fatalf("sealing: %v", err)
	}
	return sealed
}

func opens(t *testing.T, s secrets.Sealer, key, sealed string, context, want []byte) {
	t.Helper()
	got, err := s.Open(t.Context(), key, sealed, context)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("opening: got %.40q, %v; want %.40q", got, err, want)
	}
}

func refuses(t *testing.T, s secrets.Sealer, key, sealed string, context []byte) {
	t.Helper()
	if got, err := s.Open(t.Context(), key, sealed, context); core.ErrorCode(err) != core.CodeInvalid || got != nil {
		t.Errorf("opening %.40q of %q: got %q, %v; want invalid", sealed, key, got, err)
	}
}

func roundTrip(t *testing.T, open func() Implementation) {
	one, other := open(), open()
	for _, plain := range []string{"s3cret", "", "\x00\xff binary\n"} {
		for _, context := range [][]byte{place, nil} {
			sealed := seal(t, one, "variables", []byte(plain), context)
			if plain != "" && strings.Contains(sealed, plain) {
				t.Errorf("%q shows the plain text", sealed)
			}
			opens(t, one, "variables", sealed, context, []byte(plain))
			opens(t, other, "variables", sealed, context, []byte(plain))
			if again := seal(t, one, "variables", []byte(plain), context); again == sealed {
				t.Error("two seals of the same text are the same")
			}
		}
	}
}

func binding(t *testing.T, open func() Implementation) {
	s := open()
	sealed := seal(t, s, "variables", []byte("s3cret"), place)
	seal(t, s, "tokens", []byte("x"), nil)
	refuses(t, s, "variables", sealed, []byte("project variable/p2/NAME"))
	refuses(t, s, "variables", sealed, nil)
	refuses(t, s, "tokens", sealed, place)
	refuses(t, s, "never-made", sealed, place)
}

func damage(t *testing.T, open func() Implementation) {
	s := open()
	sealed := seal(t, s, "variables", []byte("s3cret"), place)
	head := sealed[:strings.LastIndex(sealed, ":")+1]
	middle := []byte(sealed)
	at := (len(head) + len(sealed)) / 2
	if middle[at] == 'A' {
		middle[at] = 'B'
	} else {
		middle[at] = 'A'
	}
	for _, broken := range []string{"", "s3cret", head, sealed[:len(sealed)-8], sealed + "AAAA", string(middle), head + "!!!", "other:v1:AAAA"} {
		refuses(t, s, "variables", broken, place)
	}
}

func rotation(t *testing.T, open func() Implementation) {
	one, other := open(), open()
	old := seal(t, one, "variables", []byte("old"), place)
	opens(t, other, "variables", old, place, []byte("old"))
	for range 3 {
		if err := one.Rotate(t.Context(), "variables"); err != nil {
			t.Fatalf("rotating: %v", err)
		}
	}
	fresh := seal(t, one, "variables", []byte("new"), place)
	opens(t, one, "variables", old, place, []byte("old"))
	opens(t, one, "variables", fresh, place, []byte("new"))
	// An instance that knew only the old version.
	opens(t, other, "variables", fresh, place, []byte("new"))
	if err := one.Rotate(t.Context(), "made-by-rotation"); err != nil {
		t.Errorf("rotating a key that is not there: %v", err)
	}
	opens(t, one, "made-by-rotation", seal(t, one, "made-by-rotation", []byte("x"), nil), nil, []byte("x"))
}

func names(t *testing.T, open func() Implementation) {
	s := open()
	for _, key := range []string{"", "A", "a/b", "../a", "a b", "a?x=1", strings.Repeat("a", 65), "-a"} {
		if _, err := s.Seal(t.Context(), key, nil, nil); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("sealing with key %q: got %v, want invalid", key, err)
		}
		if err := s.Rotate(t.Context(), key); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("rotating key %q: got %v, want invalid", key, err)
		}
		refuses(t, s, key, "x", nil)
	}
}

func sizes(t *testing.T, open func() Implementation) {
	s := open()
	most := bytes.Repeat([]byte("x"), secrets.MaxPlain)
	opens(t, s, "variables", seal(t, s, "variables", most, place), place, most)
	if _, err := s.Seal(t.Context(), "variables", append(most, 'x'), place); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("sealing too much: got %v, want invalid", err)
	}
	if _, err := s.Seal(t.Context(), "variables", nil, bytes.Repeat([]byte("x"), 5000)); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("sealing with too long a context: got %v, want invalid", err)
	}
}

// firstUseAtOnce has several instances make the same key; no seal may be lost.
func firstUseAtOnce(t *testing.T, open func() Implementation) {
	const instances = 8
	sealed := make([]string, instances)
	var done sync.WaitGroup
	for i := range instances {
		s := open()
		done.Go(func() {
			var err error
			if sealed[i], err = s.Seal(t.Context(), "shared", []byte(strconv.Itoa(i)), place); err != nil {
				t.Errorf("sealing: %v", err)
			}
		})
	}
	done.Wait()
	s := open()
	for i, text := range sealed {
		opens(t, s, "shared", text, place, []byte(strconv.Itoa(i)))
	}
}

func store(t *testing.T, open func() Implementation) {
	one, other := open(), open()
	if _, err := one.Get(t.Context(), "muster/database"); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("getting what is not there: got %v, want not found", err)
	}
	for _, want := range []map[string]string{{"user": "muster", "password": "pä\nss"}, {"user": "other"}} {
		if err := one.Put(t.Context(), "muster/database", want); err != nil {
			t.Fatalf("putting: %v", err)
		}
		got, err := other.Get(t.Context(), "muster/database")
		if err != nil {
			t.Fatalf("getting: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("values differ (-want +got):\n%s", diff)
		}
	}
	if err := one.Put(t.Context(), "muster", map[string]string{"a": "b"}); err != nil {
		t.Errorf("putting above another path: %v", err)
	}
	if _, err := one.Get(t.Context(), "muster/database/x"); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("getting below another path: got %v, want not found", err)
	}
}

func storePaths(t *testing.T, open func() Implementation) {
	s := open()
	for _, path := range []string{"", "/", "a//b", "/a", "a/", "../a", "a/..", "a b", "a%2fb", "a?b", strings.Repeat("a/", 9) + "a"} {
		if err := s.Put(t.Context(), path, nil); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("putting at %q: got %v, want invalid", path, err)
		}
		if _, err := s.Get(t.Context(), path); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("getting %q: got %v, want invalid", path, err)
		}
	}
}
