// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// maxRecords is the most bytes of what a header says beyond its block.
const maxRecords = 1 << 20

var errTar = errors.New("it is no tar, or a damaged one")

// reader reads the entries of a tar in the PAX format, which is all that is
// packed here. The reader of archive/tar knows every other too, and takes half
// of the time that unpacking a hundred thousand small files may take.
type reader struct {
	in      *bufio.Reader
	left    int64 // of the entry's content
	padding int64
	block   [blockSize]byte
	records []byte
}

func newReader(in io.Reader) *reader {
	return &reader{in: bufio.NewReaderSize(in, 64<<10)}
}

// Read reads the content of the entry.
func (r *reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.in.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if errors.Is(err, io.EOF) && r.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next goes to the next entry; io.EOF says that there is none.
func (r *reader) next(e *entry) error {
	r.records = r.records[:0]
	for {
		if err := r.skip(); err != nil {
			return err
		}
		if _, err := io.ReadFull(r.in, r.block[:]); err != nil {
			return err // io.EOF at the edge of a block is an end like two empty ones
		}
		if r.block == zeros {
			return io.EOF
		}
		if err := r.header(e); err != nil {
			return err
		}
		switch e.kind {
		case tar.TypeXGlobalHeader:
			continue // of no meaning to us
		case tar.TypeXHeader:
			if e.size > maxRecords {
				return errTar
			}
			r.records = append(r.records[:0], make([]byte, e.size)...)
			if _, err := io.ReadFull(r, r.records); err != nil {
				return errTar
			}
			continue
		}
		return r.finish(e)
	}
}

// skip leaves what the last entry has left.
func (r *reader) skip() error {
	for rest := r.left + r.padding; rest > 0; {
		n, err := r.in.Discard(int(min(rest, 1<<30)))
		if rest -= int64(n); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	r.left, r.padding = 0, 0
	return nil
}

// header reads a block.
func (r *reader) header(e *entry) error {
	b := r.block[:]
	sum, ok := number(b[148:156])
	var have int64
	for i, c := range b {
		if i >= 148 && i < 156 {
			c = ' '
		}
		have += int64(c)
	}
	if !ok || sum != have {
		return errTar
	}
	mode, ok1 := number(b[100:108])
	size, ok2 := number(b[124:136])
	seconds, ok3 := number(b[136:148])
	if !ok1 || !ok2 || !ok3 {
		return errTar
	}
	*e = entry{name: text(b[:100]), link: text(b[157:257]), kind: b[156], mode: uint32(mode), size: size, mtime: time.Unix(seconds, 0), sparse: -1}
	if prefix := text(b[345:500]); prefix != "" && bytes.HasPrefix(b[257:], []byte("ustar\x00")) {
		e.name = prefix + "/" + e.name
	}
	if e.kind == 0 {
		e.kind = tar.TypeReg
	}
	return r.content(e)
}

// content notes how much follows.
func (r *reader) content(e *entry) error {
	if e.size < 0 {
		return errTar
	}
	switch e.kind {
	case tar.TypeLink, tar.TypeSymlink, tar.TypeDir, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		e.size = 0
	}
	r.left, r.padding = e.size, int64(padding(e.size))
	return nil
}

// finish puts what the records say in the place of what the block does.
func (r *reader) finish(e *entry) error {
	var holes sparseRecords
	for rest := r.records; len(rest) > 0; {
		digits, _, found := bytes.Cut(rest, []byte(" "))
		length, err := strconv.Atoi(string(digits))
		if !found || err != nil || length < len(digits)+3 || length > len(rest) || rest[length-1] != '\n' {
			return errTar
		}
		key, value, found := strings.Cut(string(rest[len(digits)+1:length-1]), "=")
		if !found {
			return errTar
		}
		if of, sparse := strings.CutPrefix(key, gnuSparse); sparse {
			err = holes.record(of, value)
		} else {
			err = e.record(key, value)
		}
		if err != nil {
			return err
		}
		rest = rest[length:]
	}
	if err := holes.apply(e); err != nil {
		return err
	}
	return r.content(e)
}

// record takes one of the records that come before an entry.
func (e *entry) record(key, value string) (err error) {
	switch key {
	case "path":
		e.name = value
	case "linkpath":
		e.link = value
	case "size":
		e.size, err = strconv.ParseInt(value, 10, 64)
	case "mtime":
		e.mtime, err = parseTime(value)
	case recordSparse:
		e.sparse, err = strconv.ParseInt(value, 10, 64)
		if e.sparse < 0 {
			err = errTar
		}
	}
	if err != nil {
		return errTar
	}
	return nil
}

// parseTime reads a decimal number of seconds.
func parseTime(value string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(value, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	nanos := int64(0)
	for i := range 9 {
		nanos *= 10
		if i < len(fraction) {
			if fraction[i] < '0' || fraction[i] > '9' {
				return time.Time{}, errTar
			}
			nanos += int64(fraction[i] - '0')
		}
	}
	if strings.HasPrefix(whole, "-") {
		nanos = -nanos
	}
	return time.Unix(seconds, nanos), nil
}

// text is what stands before the first zero.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// number reads octal digits, between spaces and zeroes.
func number(b []byte) (int64, bool) {
	b = bytes.Trim(b, " \x00")
	n := int64(0)
	for _, c := range b {
		if c < '0' || c > '7' {
			return 0, false
		}
		n = n<<3 | int64(c-'0')
	}
	return n, len(b) <= 12
}
