// SPDX-License-Identifier: MPL-2.0

package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/muster-ci/muster/core"
)

// lengths are those around the edges of segments.
var lengths = []int{0, 1, 15, 16, 17, Segment - 1, Segment, Segment + 1, 2*Segment - 16, 2 * Segment, 3*Segment + 77}

func newBox(t testing.TB, key byte) *Box {
	t.Helper()
	box, err := New(bytes.Repeat([]byte{key}, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func noise(n int) []byte {
	random := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	p := make([]byte, n)
	random.Read(p)
	return p
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	box := newBox(t, 1)
	for _, n := range lengths {
		plain := noise(n)
		sealed := box.Seal([]byte("before"), 7, plain)
		if got := int64(len(sealed) - len("before")); got != Size(int64(n)) {
			t.Errorf("%d bytes: sealed to %d, Size says %d", n, got, Size(int64(n)))
		}
		got, err := box.Open([]byte("kept"), 7, sealed[len("before"):])
		if err != nil || !bytes.Equal(got, append([]byte("kept"), plain...)) {
			t.Errorf("%d bytes: not what was sealed (%v)", n, err)
		}
		if got, err := box.OpenInPlace(7, sealed[len("before"):]); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: in place not what was sealed (%v)", n, err)
		}
		if size, err := PlainSize(Size(int64(n))); err != nil || size != int64(n) {
			t.Errorf("%d bytes: PlainSize says %d, %v", n, size, err)
		}
	}
}

// TestTheStoreSeesNothing: neither the text nor that two segments are alike.
func TestTheStoreSeesNothing(t *testing.T) {
	t.Parallel()
	plain := bytes.Repeat([]byte("canary"), Segment) // six segments, alike in threes
	sealed := newBox(t, 1).Seal(nil, 0, plain)
	if bytes.Contains(sealed, []byte("canary")) {
		t.Error("the text shows")
	}
	if bytes.Equal(sealed[:Segment], sealed[3*block:][:Segment]) {
		t.Error("segments of the same text are sealed alike")
	}
}

// TestDamageIsRefused covers what a store, or who writes to it, can do.
func TestDamageIsRefused(t *testing.T) {
	t.Parallel()
	box := newBox(t, 1)
	plain := noise(3*Segment + 100)
	sealed := box.Seal(nil, 5, plain)
	damage := map[string][]byte{
		"empty":                         {},
		"cut within a segment":          sealed[:Segment/2],
		"cut within a tag":              sealed[:block-1],
		"cut between segments":          sealed[:2*block],
		"last segment cut to its tag":   sealed[:3*block+tagSize],
		"two segments exchanged":        bytes.Join([][]byte{sealed[block : 2*block], sealed[:block], sealed[2*block:]}, nil),
		"a segment left out":            bytes.Join([][]byte{sealed[:block], sealed[2*block:]}, nil),
		"a segment twice":               bytes.Join([][]byte{sealed[:block], sealed[:block], sealed[block:]}, nil),
		"bytes behind it":               append(bytes.Clone(sealed), 0),
		"another part behind it":        append(bytes.Clone(sealed), box.Seal(nil, 6, []byte("x"))...),
		"another part":                  box.Seal(nil, 6, plain),
		"another key":                   newBox(t, 2).Seal(nil, 5, plain),
		"the same segment from part 6":  append(box.Seal(nil, 6, plain)[:block:block], sealed[block:]...),
		"a whole segment, marked last":  append(bytes.Clone(sealed[:block]), box.Seal(nil, 5, noise(Segment))[:block]...),
		"nothing but tags of 16 zeroes": make([]byte, tagSize),
	}
	for name, bad := range damage {
		got, err := box.Open([]byte("kept"), 5, bad)
		if err == nil || core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
		if string(got) != "kept" {
			t.Errorf("%s: %d bytes came out", name, len(got)-len("kept"))
		}
		where := bytes.Clone(bad)
		if got, err := box.OpenInPlace(5, where); core.ErrorCode(err) != core.CodeInvalid || got != nil || len(where) > 0 && bytes.Contains(where, plain[:64]) {
			t.Errorf("%s: in place %d bytes came out, %v", name, len(got), err)
		}
	}
}

// TestEveryBitCounts flips one bit at many places.
func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	box := newBox(t, 1)
	sealed := box.Seal(nil, 0, noise(Segment+500))
	at := []int{0, 1, Segment - 1, Segment, block - 1, block, len(sealed) - tagSize, len(sealed) - 1}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		at = append(at, random.IntN(len(sealed)))
	}
	for _, i := range at {
		for bit := range 8 {
			sealed[i] ^= 1 << bit
			if _, err := box.Open(nil, 0, sealed); err == nil {
				t.Errorf("bit %d of byte %d may be flipped", bit, i)
			}
			sealed[i] ^= 1 << bit
		}
	}
}

// stored serves ranges of p, counts the calls, and refuses what is not there.
type stored struct {
	p     []byte
	calls int
	bytes int64
}

func (s *stored) get(offset, length int64) (io.ReadCloser, error) {
	s.calls++
	s.bytes += length
	if offset < 0 || length <= 0 || offset >= int64(len(s.p)) {
		return nil, fmt.Errorf("no range: %d bytes from %d", length, offset)
	}
	return io.NopCloser(bytes.NewReader(s.p[offset:min(offset+length, int64(len(s.p)))])), nil
}

func TestRanges(t *testing.T) {
	t.Parallel()
	box := newBox(t, 1)
	for _, n := range lengths {
		plain := noise(n)
		sealed := box.Seal(nil, 3, plain)
		for _, offset := range append(lengths, n/2) {
			for _, length := range append(lengths, -1, n/3) {
				s := &stored{p: sealed}
				r, err := box.Reader(3, int64(len(sealed)), int64(offset), int64(length), s.get)
				if offset > n || offset+length > n {
					if core.ErrorCode(err) != core.CodeInvalid {
						t.Errorf("%d of %d from %d: %v", length, n, offset, err)
					}
					continue
				}
				want := plain[offset:]
				if length >= 0 {
					want = want[:length]
				}
				got, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(got, want) || r.Close() != nil {
					t.Errorf("%d of %d from %d: not those bytes (%v)", length, n, offset, err)
				}
				if most := int64(len(want)) + 2*block; s.calls > 1 || s.bytes > most {
					t.Errorf("%d of %d from %d: %d calls for %d bytes", length, n, offset, s.calls, s.bytes)
				}
			}
		}
	}
}

// TestReaderReturnsNothingUnproved: the bytes before the damage, and then the
// error, also when asked again.
func TestReaderReturnsNothingUnproved(t *testing.T) {
	t.Parallel()
	box := newBox(t, 1)
	plain := noise(4 * Segment)
	for name, spoil := range map[string]func([]byte) []byte{
		"bit":       func(p []byte) []byte { p[2*block+9] ^= 1; return p },
		"cut":       func(p []byte) []byte { return p[:2*block] },
		"cut short": func(p []byte) []byte { return p[:3*block-1] },
		"exchanged": func(p []byte) []byte { copy(p[2*block:3*block], p[3*block:]); return p },
	} {
		sealed := box.Seal(nil, 0, plain)
		size := int64(len(sealed))
		r, err := box.Reader(0, size, 0, -1, (&stored{p: spoil(sealed)}).get)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if core.ErrorCode(err) != core.CodeInvalid || !bytes.Equal(got, plain[:2*Segment]) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if n, again := r.Read(make([]byte, 8)); n != 0 || !errors.Is(again, err) {
			t.Errorf("%s: a second Read gives %d bytes, %v", name, n, again)
		}
	}
}

func TestReaderHandsOnErrorsOfTheStore(t *testing.T) {
	t.Parallel()
	box, away := newBox(t, 1), errors.New("away")
	if _, err := box.Reader(0, Size(10), 0, 10, func(int64, int64) (io.ReadCloser, error) { return nil, away }); !errors.Is(err, away) {
		t.Errorf("got %v", err)
	}
}

func TestKeysHave32Bytes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 16, 24, 31, 33} {
		if _, err := New(make([]byte, n)); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// FuzzOpen: whatever is opened without an error was sealed.
func FuzzOpen(f *testing.F) {
	box := newBox(f, 1)
	f.Add(0, box.Seal(nil, 0, nil))
	f.Add(1, box.Seal(nil, 1, []byte("text")))
	f.Add(0, box.Seal(nil, 0, noise(Segment+1)))
	f.Add(2, make([]byte, tagSize))
	f.Fuzz(func(t *testing.T, part int, sealed []byte) {
		part &= 1<<31 - 1
		plain, err := box.Open(nil, part, sealed)
		if err != nil {
			return
		}
		if !bytes.Equal(box.Seal(nil, part, plain), sealed) {
			t.Error("opened something that is not sealed that way")
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	box, plain := newBox(b, 1), noise(16<<20)
	dst := make([]byte, 0, Size(int64(len(plain))))
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		box.Seal(dst, 0, plain)
	}
}

func BenchmarkOpen(b *testing.B) {
	box, plain := newBox(b, 1), noise(16<<20)
	sealed, dst := box.Seal(nil, 0, plain), make([]byte, 0, len(plain))
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		if _, err := box.Open(dst, 0, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
