// SPDX-License-Identifier: MPL-2.0

package junit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/muster-ci/muster/core"
)

// Test is one test of a file.
type Test struct {
	core.Test
	// Flaked is how often it failed in the same file before it succeeded: tools
	// that run failed tests again write that down.
	Flaked int
}

// Parse reads one file and hands on its tests in their order. What is wrong with
// the file is a *FileError, and the tests before it count; other errors are those
// of r and of add.
func Parse(r io.Reader, limits Limits, add func(Test) error) error {
	bounded := &bounded{r: r, left: limits.Bytes}
	in := bufio.NewReaderSize(bounded, sniffed)
	head, err := in.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	count := 0
	counted := func(t Test) error {
		if count == limits.Tests {
			return errTooMany(limits.Tests)
		}
		count++
		return add(t)
	}
	if first := firstByte(head); first == '[' || first == '{' {
		limits.Bytes = min(limits.Bytes, limits.JSON)
		bounded.left = min(bounded.left, limits.Bytes-int64(in.Buffered()))
		err = parseCucumber(in, limits, counted)
	} else {
		err = parseXML(decode(in, head), limits, counted)
	}
	switch {
	case bounded.err != nil:
		return bounded.err
	case bounded.cut:
		return errTooLong(limits.Bytes)
	default:
		return err
	}
}

// firstByte returns the first that is no space and no byte-order mark.
func firstByte(head []byte) byte {
	if head = bytes.TrimLeft(bytes.TrimPrefix(head, utf8Mark), " \t\r\n"); len(head) > 0 {
		return head[0]
	}
	return 0
}

// bounded reads some bytes at most, and remembers what ended it: decoders on
// the way hide errors.
type bounded struct {
	r    io.Reader
	left int64
	cut  bool
	err  error
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.cut = b.cut || more(b.r)
		return 0, io.EOF
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = fmt.Errorf("reading a file of test results: %w", err)
	}
	return n, err
}

func more(r io.Reader) bool {
	var one [1]byte
	n, _ := io.ReadFull(r, one[:])
	return n > 0
}
