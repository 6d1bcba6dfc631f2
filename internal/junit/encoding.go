// SPDX-License-Identifier: MPL-2.0

package junit

import (
	"bufio"
	"bytes"
	"io"
	"regexp"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// sniffed is how many bytes of a file decide about its encoding.
const sniffed = 512

var (
	utf8Mark = []byte("\xef\xbb\xbf")
	declared = regexp.MustCompile(`^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']`)
)

// decode returns the file in UTF-8, as far as can be told from its head. A name
// of an encoding that nobody knows counts as UTF-8, which is what tools write
// that declare nonsense.
func decode(in *bufio.Reader, head []byte) io.Reader {
	switch {
	case bytes.HasPrefix(head, utf8Mark):
		_, _ = in.Discard(len(utf8Mark)) // they were peeked at
		return in
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return reader(in, unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM))
	case bytes.HasPrefix(head, []byte("<\x00")):
		return reader(in, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM))
	case bytes.HasPrefix(head, []byte("\x00<")):
		return reader(in, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM))
	}
	found := declared.FindSubmatch(head)
	if found == nil {
		return in
	}
	name := strings.ToLower(string(found[1]))
	if strings.HasPrefix(name, "utf") { // of wider ones the bytes above would tell
		return in
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		return in
	}
	return reader(in, e)
}

func reader(in io.Reader, e encoding.Encoding) io.Reader {
	return transform.NewReader(in, e.NewDecoder())
}
