// SPDX-License-Identifier: MPL-2.0

package wire_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/internal/wire"
)

// decode reads all frames of a body, copying what the decoder reuses.
func decode(r io.Reader) ([]wire.Frame, error) {
	d := wire.NewDecoder(r)
	var frames []wire.Frame
	for {
		f, err := d.Next()
		if errors.Is(err, io.EOF) {
			return frames, nil
		}
		if err != nil {
			return frames, err
		}
		f.Data = bytes.Clone(f.Data)
		frames = append(frames, f)
	}
}

func encode(frames ...wire.Frame) []byte {
	var b []byte
	for _, f := range frames {
		b = wire.AppendFrame(b, f)
	}
	return b
}

func TestFramesRoundTrip(t *testing.T) {
	t.Parallel()
	want := []wire.Frame{
		{Stream: 0, Offset: 0, Data: []byte("{}\n")},
		{Stream: 1, Offset: 1 << 33, Data: bytes.Repeat([]byte("x"), wire.MaxFrame)},
		{Stream: wire.MaxStreams, Offset: 7, Data: []byte{}},
	}
	got, err := decode(bytes.NewReader(encode(want...)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("frames differ (-want +got):\n%s", diff)
	}
}

func TestEveryCutAndEveryFlippedBitIsNoticed(t *testing.T) {
	t.Parallel()
	body := encode(wire.Frame{Stream: 3, Offset: 300, Data: []byte("hello, world")})
	for n := 1; n < len(body); n++ {
		if _, err := decode(bytes.NewReader(body[:n])); !errors.Is(err, wire.ErrFrame) {
			t.Errorf("cut at %d: got %v, want ErrFrame", n, err)
		}
	}
	for bit := range len(body) * 8 {
		bad := bytes.Clone(body)
		bad[bit/8] ^= 1 << (bit % 8)
		if frames, err := decode(bytes.NewReader(bad)); err == nil {
			t.Errorf("bit %d: got %d frames and no error", bit, len(frames))
		}
	}
}

func TestLimitsAreCheckedBeforeMemoryIsTaken(t *testing.T) {
	t.Parallel()
	for name, f := range map[string][]byte{
		"stream":  {0xff, 0xff, 0xff, 0x7f, 0, 0},
		"length":  {1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"endless": bytes.Repeat([]byte{0xff}, 40),
	} {
		if _, err := decode(bytes.NewReader(f)); !errors.Is(err, wire.ErrFrame) {
			t.Errorf("%s: got %v, want ErrFrame", name, err)
		}
	}
	var body []byte
	for range 5 {
		body = wire.AppendFrame(body, wire.Frame{Stream: 1, Data: make([]byte, wire.MaxFrame)})
	}
	if _, err := decode(bytes.NewReader(body)); !errors.Is(err, wire.ErrFrame) {
		t.Errorf("oversized request: got %v, want ErrFrame", err)
	}
}

// FuzzDecoder asks that no body makes the decoder panic, and that what it
// accepts encodes to frames that decode to the same.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte{})
	f.Add(encode(wire.Frame{Stream: 1, Offset: 2, Data: []byte("abc")}))
	f.Add(encode(wire.Frame{}, wire.Frame{Stream: 9, Offset: 1 << 39, Data: []byte("z")}))
	f.Fuzz(func(t *testing.T, body []byte) {
		frames, err := decode(bytes.NewReader(body))
		if err != nil && !errors.Is(err, wire.ErrFrame) {
			t.Fatalf("got %v, want ErrFrame", err)
		}
		again, err := decode(bytes.NewReader(encode(frames...)))
		if err != nil {
			t.Fatalf("decoding what was encoded: %v", err)
		}
		if diff := cmp.Diff(frames, again); diff != "" {
			t.Errorf("frames differ (-want +got):\n%s", diff)
		}
	})
}
