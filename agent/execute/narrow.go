// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// narrow makes UTF-8 of a text in UTF-16, which tools on .NET write: masks know
// secrets in UTF-8, and would pass them over. Other texts stay as they are.
func narrow(text io.Reader) io.Reader {
	in := bufio.NewReaderSize(text, 64<<10)
	head, _ := in.Peek(2) // an error comes again with the first read
	order := unicode.LittleEndian
	switch {
	case bytes.Equal(head, []byte("\xff\xfe")), bytes.Equal(head, []byte("<\x00")):
	case bytes.Equal(head, []byte("\xfe\xff")), bytes.Equal(head, []byte("\x00<")):
		order = unicode.BigEndian
	default:
		return in
	}
	return transform.NewReader(in, unicode.UTF16(order, unicode.UseBOM).NewDecoder())
}
