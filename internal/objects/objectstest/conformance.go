// SPDX-License-Identifier: MPL-2.0

package objectstest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/objects"
)

// DeleteAndPut is the name of the story in which a deletion and a Put meet in
// one folder.
const DeleteAndPut = "delete and put at once"

// Run runs the suite; open returns a store that is empty. Stories that are named
// in without are left to the caller, who says why.
func Run(t *testing.T, open func(t *testing.T) *objects.Store, without ...string) {
	t.Helper()
	for name, story := range map[string]func(*testing.T, *objects.Store){
		"round trip": roundTrip, "ranges": ranges, "missing": missing, "keys": keys, "list": list,
		"list of many": listMany, "broken source": brokenSource, "canceled": canceled,
		"writers at once": writersAtOnce, DeleteAndPut: deleteAndPut,
		"signed get": signedGet, "signed put": signedPut, "signed misuse": signedMisuse,
	} {
		if slices.Contains(without, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, open(t))
		})
	}
}

func put(t *testing.T, s *objects.Store, key string, content []byte) {
	t.Helper()
	if err := s.Put(t.Context(), key, bytes.NewReader(content)); err != nil {
		t.Fatalf("putting %s: %v", key, err)
	}
}

func holds(t *testing.T, s *objects.Store, key string, want []byte) {
	t.Helper()
	if got := read(t, s, key, 0, -1); !bytes.Equal(got, want) {
		t.Errorf("%s holds %d bytes %.40q, want %d bytes %.40q", key, len(got), got, len(want), want)
	}
	if size, err := s.Size(t.Context(), key); err != nil || size != int64(len(want)) {
		t.Errorf("size of %s: got %d, %v; want %d", key, size, err, len(want))
	}
}

func read(t *testing.T, s *objects.Store, key string, offset, length int64) []byte {
	t.Helper()
	r, err := s.GetRange(t.Context(), key, offset, length)
	if err != nil {
		t.Fatalf("getting %s from %d: %v", key, offset, err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("reading %s: %v", key, err)
	}
	return content
}

func absent(t *testing.T, s *objects.Store, key string) {
	t.Helper()
	if _, err := s.Get(t.Context(), key); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("getting %s: got %v, want not found", key, err)
	}
	if _, err := s.Size(t.Context(), key); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("size of %s: got %v, want not found", key, err)
	}
	if got := keysOf(t, s, ""); contains(got, key) {
		t.Errorf("the list has %s: %v", key, got)
	}
}

func keysOf(t *testing.T, s *objects.Store, prefix string) []string {
	t.Helper()
	found := []string{}
	err := s.List(t.Context(), prefix, func(key string, _ int64, _ time.Time) error {
		found = append(found, key)
		return nil
	})
	if err != nil {
		t.Fatalf("listing %q: %v", prefix, err)
	}
	sort.Strings(found)
	return found
}

func contains(list []string, key string) bool {
	i := sort.SearchStrings(list, key)
	return i < len(list) && list[i] == key
}

func random(n int) []byte {
	content := make([]byte, n)
	rand.Read(content)
	return content
}

// roundTrip has sizes on both sides of the size of a part.
func roundTrip(t *testing.T, s *objects.Store) {
	for _, size := range []int{0, 1, 600, 8<<20 - 1, 8 << 20, 20<<20 + 3} {
		content := random(size)
		put(t, s, "output/a1/0", content)
		holds(t, s, "output/a1/0", content)
	}
	put(t, s, "output/a1/0", []byte("short again"))
	holds(t, s, "output/a1/0", []byte("short again"))
}

func ranges(t *testing.T, s *objects.Store) {
	put(t, s, "a", []byte("0123456789"))
	put(t, s, "empty", nil)
	for _, c := range []struct {
		key            string
		offset, length int64
		want           string
	}{
		{"a", 0, 4, "0123"}, {"a", 3, 4, "3456"}, {"a", 8, 100, "89"}, {"a", 5, -1, "56789"}, {"a", 2, 0, ""},
		{"a", 10, -1, ""}, {"a", 10, 5, ""}, {"a", 1000, 5, ""}, {"empty", 0, -1, ""}, {"empty", 0, 5, ""}, {"empty", 5, 5, ""},
	} {
		if got := read(t, s, c.key, c.offset, c.length); string(got) != c.want {
			t.Errorf("%s from %d, %d bytes: got %q, want %q", c.key, c.offset, c.length, got, c.want)
		}
	}
	if _, err := s.GetRange(t.Context(), "a", -1, 5); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("a range from -1: got %v, want invalid", err)
	}
	if _, err := s.GetRange(t.Context(), "b", 5, 5); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("a range of what is not there: got %v, want not found", err)
	}
}

func missing(t *testing.T, s *objects.Store) {
	absent(t, s, "not/there")
	if err := s.Delete(t.Context(), "not/there"); err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
	put(t, s, "deep/er/one", []byte("x"))
	absent(t, s, "deep/er")
	for range 2 {
		if err := s.Delete(t.Context(), "deep/er/one"); err != nil {
			t.Errorf("deleting: %v", err)
		}
	}
	absent(t, s, "deep/er/one")
	if got := keysOf(t, s, ""); len(got) != 0 {
		t.Errorf("got %v, want nothing", got)
	}
}

func keys(t *testing.T, s *objects.Store) {
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", "a/./b", ".hidden", "a/.signing.key", "-a",
		"a\\b", "a b", "a\x00b", "a\nb", "a?b", "a#b", "a%2fb", "ä", "a.tmp", "a.attrs", "C:\\a",
		strings.Repeat("a", 201), strings.Repeat("a/", 256) + "a",
	} {
		errs := map[string]error{
			"put":    s.Put(t.Context(), key, strings.NewReader("x")),
			"delete": s.Delete(t.Context(), key),
		}
		_, errs["get"] = s.Get(t.Context(), key)
		_, errs["size"] = s.Size(t.Context(), key)
		_, errs["sign"] = s.SignedURL(t.Context(), key, http.MethodGet, time.Minute)
		for what, err := range errs {
			if core.ErrorCode(err) != core.CodeInvalid {
				t.Errorf("%s %q: got %v, want invalid", what, key, err)
			}
		}
	}
	for _, key := range []string{"a", "A1/b_c-d.e=f@g~h,i+j/k", strings.Repeat("a", 200), strings.Repeat("a/", 255) + "a"} {
		put(t, s, key, []byte(key))
		holds(t, s, key, []byte(key))
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("deleting %q: %v", key, err)
		}
	}
	if got := keysOf(t, s, ""); len(got) != 0 {
		t.Errorf("got %v, want nothing", got)
	}
}

func list(t *testing.T, s *objects.Store) {
	all := []string{"a-b", "a/0", "a/1", "a/b/2", "ab", "b/a/1"}
	begin := time.Now().Add(-time.Minute)
	for i, key := range all {
		put(t, s, key, bytes.Repeat([]byte("x"), i))
	}
	for prefix, want := range map[string][]string{
		"": all, "a": all[:5], "a/": all[1:4], "a/b": all[3:4], "a/b/": all[3:4], "a/b/2": all[3:4], "a-": all[:1],
		"b": all[5:], "c": {}, "a/x": {}, "x/y/z": {}, "ab/": {},
	} {
		if diff := cmp.Diff(want, keysOf(t, s, prefix)); diff != "" {
			t.Errorf("prefix %q (-want +got):\n%s", prefix, diff)
		}
	}
	err := s.List(t.Context(), "", func(key string, size int64, modified time.Time) error {
		if want := sort.SearchStrings(all, key); size != int64(want) {
			t.Errorf("%s has size %d, want %d", key, size, want)
		}
		if modified.Before(begin) || modified.After(time.Now().Add(time.Minute)) {
			t.Errorf("%s was modified at %s", key, modified)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	enough, calls := errors.New("enough"), 0
	err = s.List(t.Context(), "", func(string, int64, time.Time) error { calls++; return enough })
	if err != enough || calls != 1 {
		t.Errorf("got %v after %d calls, want our own error after 1", err, calls)
	}
	if err := s.List(t.Context(), "../", nil); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("listing ../: got %v, want invalid", err)
	}
}

// listMany is more than a page, with names that sort differently by folder and
// by key.
func listMany(t *testing.T, s *objects.Store) {
	want := []string{}
	for i := range 1100 {
		key := "many/" + strconv.Itoa(i) + []string{"", "/x", "-x"}[i%3]
		put(t, s, key, nil)
		want = append(want, key)
	}
	sort.Strings(want)
	if diff := cmp.Diff(want, keysOf(t, s, "many/")); diff != "" {
		t.Errorf("keys differ (-want +got):\n%s", diff)
	}
}

// brokenSource breaks off at sizes that are and are not on their way by then.
func brokenSource(t *testing.T, s *objects.Store) {
	broken := errors.New("the sender went away")
	put(t, s, "old", []byte("old"))
	for _, size := range []int{0, 1000, 20 << 20} {
		for _, key := range []string{"new", "old"} {
			r := io.MultiReader(bytes.NewReader(random(size)), iotest.ErrReader(broken))
			if err := s.Put(t.Context(), key, r); err != broken {
				t.Errorf("putting %d bytes and a failure: got %v, want that failure", size, err)
			}
		}
	}
	absent(t, s, "new")
	holds(t, s, "old", []byte("old"))
}

func canceled(t *testing.T, s *objects.Store) {
	put(t, s, "old", []byte("old"))
	ctx, cancel := context.WithCancel(t.Context())
	r := io.MultiReader(strings.NewReader("new"), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, io.EOF
	}))
	if err := s.Put(ctx, "old", r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	holds(t, s, "old", []byte("old"))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// writersAtOnce: readers see one or the other object, never a mixture.
func writersAtOnce(t *testing.T, s *objects.Store) {
	contents := [][]byte{bytes.Repeat([]byte("a"), 300_000), bytes.Repeat([]byte("b"), 200_000)}
	put(t, s, "shared", contents[0])
	var done sync.WaitGroup
	for i := range 4 {
		done.Go(func() {
			for range 5 {
				if err := s.Put(t.Context(), "shared", bytes.NewReader(contents[i%2])); err != nil {
					t.Errorf("putting: %v", err)
				}
				r, err := s.Get(t.Context(), "shared")
				if err != nil {
					t.Errorf("getting: %v", err)
					return
				}
				got, err := io.ReadAll(r)
				r.Close()
				if err != nil || !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
					t.Errorf("got a mixture of %d bytes, or %v", len(got), err)
				}
			}
		})
	}
	done.Wait()
}

// deleteAndPut has one goroutine remove what may be the last object of a folder
// in which another one puts.
func deleteAndPut(t *testing.T, s *objects.Store) {
	var done sync.WaitGroup
	for i := range 4 {
		done.Go(func() {
			key := "x/y/z/" + strconv.Itoa(i)
			for range 25 {
				if err := s.Put(t.Context(), key, strings.NewReader("x")); err != nil {
					t.Errorf("putting: %v", err)
				}
				if err := s.Delete(t.Context(), key); err != nil {
					t.Errorf("deleting: %v", err)
				}
			}
		})
	}
	done.Wait()
}
