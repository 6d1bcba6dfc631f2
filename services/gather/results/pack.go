// SPDX-License-Identifier: MPL-2.0

package results

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	"github.com/klauspost/compress/zstd"

	"github.com/muster-ci/muster/core"
)

// kept is a test as a part has it.
type kept struct {
	core.Test
	Flaked int `json:"flaked,omitempty"` // failures before it succeeded
}

// key says which tests are the same one.
func (k kept) key() string { return k.ClassName + "\x00" + k.Name + "\x00" + k.File }

// maxUnpacked bounds what a row can unfold to.
const maxUnpacked = 256 << 20

// The packers are safe for many users: only EncodeAll and DecodeAll are called.
var (
	packer   = must(zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)))
	unpacker = must(zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderConcurrency(0)))
)

// must is for values made of constants.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func packTests(tests []kept) ([]byte, error) {
	text, err := json.Marshal(tests)
	if err != nil {
		return nil, fmt.Errorf("encoding tests: %w", err)
	}
	return packer.EncodeAll(text, nil), nil
}

func unpackTests(packed []byte) ([]kept, error) {
	text, err := unpacker.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("unpacking tests: %w", err)
	}
	var tests []kept
	if err := json.Unmarshal(text, &tests); err != nil {
		return nil, fmt.Errorf("decoding tests: %w", err)
	}
	return tests, nil
}

// packSeconds writes names and durations one after the other: JSON would take a
// task that splits 100,000 tests ten times as long.
func packSeconds(seconds map[string]float64) []byte {
	var text []byte
	for name, n := range seconds {
		text = binary.AppendUvarint(text, uint64(len(name)))
		text = append(text, name...)
		text = binary.LittleEndian.AppendUint64(text, math.Float64bits(n))
	}
	return packer.EncodeAll(text, nil)
}

// unpackSeconds hands on what packSeconds has written.
func unpackSeconds(packed []byte, add func(name string, seconds float64)) error {
	text, err := unpacker.DecodeAll(packed, nil)
	if err != nil {
		return fmt.Errorf("unpacking timings: %w", err)
	}
	for len(text) > 0 {
		n, used := binary.Uvarint(text)
		if used <= 0 || uint64(len(text)-used) < n+8 || n > maxUnpacked {
			return fmt.Errorf("the timings of an upload are damaged")
		}
		name := string(text[used : used+int(n)])
		text = text[used+int(n):]
		add(name, math.Float64frombits(binary.LittleEndian.Uint64(text)))
		text = text[8:]
	}
	return nil
}
