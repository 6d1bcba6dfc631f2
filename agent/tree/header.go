// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"archive/tar"
	"bytes"
	"path"
	"strconv"
	"time"
)

// entry is what a tar says of a file before its content.
type entry struct {
	name   string
	link   string
	kind   byte // one of archive/tar's types
	mode   uint32
	size   int64 // of the content in the tar
	mtime  time.Time
	sparse int64 // the file's length when it has holes, else -1
}

const (
	blockSize = 512
	// maxOctal is the first number that the eleven digits of a size or a time
	// cannot hold.
	maxOctal = 1 << 33
)

var zeros [blockSize]byte

// padding is how many bytes fill the last block.
func padding(size int64) int { return int(-size & (blockSize - 1)) }

// appendHeader appends the blocks that come before an entry's content. The
// encoder of archive/tar takes several times as long, which shows with a
// hundred thousand small files.
func appendHeader(dst []byte, e *entry) []byte {
	var records [256]byte
	if r := appendRecords(records[:0], e); len(r) > 0 {
		pax := entry{name: "PaxHeaders/entry", kind: tar.TypeXHeader, mode: 0o644, size: int64(len(r)), mtime: time.Unix(0, 0), sparse: -1}
		dst = appendBlock(dst, &pax)
		dst = append(dst, r...)
		dst = append(dst, zeros[:padding(int64(len(r)))]...)
	}
	return appendBlock(dst, e)
}

// appendRecords appends what does not fit into a header's block, or not
// exactly.
func appendRecords(dst []byte, e *entry) []byte {
	if name := e.stored(); !fits(name) {
		dst = appendRecord(dst, "path", name)
	}
	if e.link != "" && !fits(e.link) {
		dst = appendRecord(dst, "linkpath", e.link)
	}
	if e.size >= maxOctal {
		dst = appendRecord(dst, "size", strconv.FormatInt(e.size, 10))
	}
	if seconds := e.mtime.Unix(); seconds < 0 || seconds >= maxOctal || e.mtime.Nanosecond() != 0 {
		dst = appendRecord(dst, "mtime", paxTime(e.mtime))
	}
	if e.sparse >= 0 {
		dst = appendRecord(dst, gnuSparse+"major", "1")
		dst = appendRecord(dst, gnuSparse+"minor", "0")
		dst = appendRecord(dst, gnuSparse+"name", e.name)
		dst = appendRecord(dst, gnuSparse+"realsize", strconv.FormatInt(e.sparse, 10))
	}
	return dst
}

// stored is the name that stands where names do. That of a file with holes is
// another, as GNU tar's is, so that who does not know of holes unpacks the map
// and the data to a name that says so.
func (e *entry) stored() string {
	if e.sparse < 0 {
		return e.name
	}
	return path.Join(path.Dir(e.name), "GNUSparseFile.0", path.Base(e.name))
}

// fits tells whether a name can stand in a block as it is.
func fits(name string) bool {
	if len(name) > 100 {
		return false
	}
	for i := range len(name) {
		if name[i] >= 0x80 {
			return false
		}
	}
	return true
}

// appendRecord appends "<length> <key>=<value>\n", where the length counts
// itself.
func appendRecord(dst []byte, key, value string) []byte {
	rest := len(key) + len(value) + 3
	length := rest + len(strconv.Itoa(rest))
	if n := rest + len(strconv.Itoa(length)); n != length {
		length = n
	}
	dst = strconv.AppendInt(dst, int64(length), 10)
	dst = append(dst, ' ')
	dst = append(dst, key...)
	dst = append(dst, '=')
	dst = append(dst, value...)
	return append(dst, '\n')
}

// paxTime writes a time as a decimal number of seconds.
func paxTime(t time.Time) string {
	seconds, nanos := t.Unix(), t.Nanosecond()
	sign := ""
	if seconds < 0 {
		sign, seconds = "-", -seconds
		if nanos > 0 { // it counts from the second before
			seconds, nanos = seconds-1, 1_000_000_000-nanos
		}
	}
	fraction := strconv.Itoa(1_000_000_000 + nanos)[1:]
	return sign + strconv.FormatInt(seconds, 10) + "." + fraction
}

// appendBlock appends one block of the ustar format.
func appendBlock(dst []byte, e *entry) []byte {
	at := len(dst)
	dst = append(dst, zeros[:]...)
	b := dst[at:]
	copy(b[:100], e.stored())
	octal(b[100:107], int64(e.mode))
	octal(b[108:115], 0) // owner
	octal(b[116:123], 0) // group
	if e.size < maxOctal {
		octal(b[124:135], e.size)
	}
	if seconds := e.mtime.Unix(); seconds >= 0 && seconds < maxOctal {
		octal(b[136:147], seconds)
	} else {
		octal(b[136:147], 0)
	}
	b[156] = e.kind
	copy(b[157:257], e.link)
	copy(b[257:], "ustar\x0000")
	copy(b[148:156], bytes.Repeat([]byte{' '}, 8))
	sum := int64(0)
	for _, c := range b {
		sum += int64(c)
	}
	octal(b[148:154], sum)
	b[154] = 0
	return dst
}

// octal fills b with the digits of n.
func octal(b []byte, n int64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = '0' + byte(n&7)
		n >>= 3
	}
}
