// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/internal/wire"
)

func record(stream int, data string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(stream))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

func framesOf(t *testing.T, body []byte) []string {
	t.Helper()
	d := wire.NewDecoder(bytes.NewReader(body))
	var frames []string
	for {
		f, err := d.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, string(rune('0'+f.Stream))+"@"+string(rune('0'+f.Offset))+"="+string(f.Data))
	}
}

func TestRecordsBecomeFrames(t *testing.T) {
	t.Parallel()
	records := bytes.Join([][]byte{record(1, "ab"), record(1, "cd"), record(0, "E"), record(1, "ef")}, nil)
	for name, c := range map[string]struct {
		durable map[int]int64
		want    []string
	}{
		"nothing durable":    {nil, []string{"1@0=abcd", "0@0=E", "1@4=ef"}},
		"within a record":    {map[int]int64{1: 1}, []string{"1@1=bcd", "0@0=E", "1@4=ef"}},
		"beyond a record":    {map[int]int64{1: 5, 0: 1}, []string{"1@5=f"}},
		"all of it and more": {map[int]int64{1: 9, 0: 1}, nil},
	} {
		l := newLedger()
		if !l.told(c.durable) {
			t.Errorf("%s: told says that something is lost", name)
		}
		if diff := cmp.Diff(c.want, framesOf(t, l.encode(records, nil).body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestLostBytesAreNoticed(t *testing.T) {
	t.Parallel()
	l := newLedger()
	l.applied(l.encode(record(1, "abcd"), nil))
	if !l.told(map[int]int64{1: 4}) || !l.told(nil) {
		t.Error("nothing is lost, and told says so")
	}
	if l.told(map[int]int64{1: 3}) {
		t.Error("a byte is lost, and told does not say so")
	}
}

func TestWholeRecords(t *testing.T) {
	t.Parallel()
	b := append(record(1, "abc"), record(2, "defg")...)
	for n := range b {
		want := 0
		if n >= recordHead+3 {
			want = recordHead + 3
		}
		if got := len(wholeRecords(b[:n])); got != want {
			t.Errorf("of %d bytes: got %d, want %d", n, got, want)
		}
	}
}
