// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"bufio"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/creachadair/jrpc2/channel"
)

// Limits of a message: a text of maxBytes fits in with all its characters
// escaped.
const (
	maxMessage = 8 << 20
	maxHeader  = 4 << 10
)

// frames is the protocol's framing with bounds, and without the library's
// demand for one spelling of the content type.
type frames struct {
	channel.Channel // sends
	in              *bufio.Reader
}

func newFrames(in io.Reader, out io.WriteCloser) *frames {
	return &frames{Channel: channel.Header("")(in, out), in: bufio.NewReader(in)}
}

// Recv returns the next message.
func (f *frames) Recv() ([]byte, error) {
	head, err := readHead(f.in)
	if err != nil {
		return nil, err
	}
	size, err := strconv.Atoi(head.Get("Content-Length"))
	if err != nil || size < 0 || size > maxMessage {
		return nil, fmt.Errorf("a message of %q bytes; %d is the limit", head.Get("Content-Length"), maxMessage)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(f.in, data); err != nil {
		return nil, err
	}
	return data, nil
}

// readHead reads lines up to an empty one.
func readHead(in *bufio.Reader) (textproto.MIMEHeader, error) {
	head := textproto.MIMEHeader{}
	for size := 0; ; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil, err // also a line longer than the buffer
		}
		if size += len(line); size > maxHeader {
			return nil, fmt.Errorf("a message's head has more than %d bytes", maxHeader)
		}
		text := textproto.TrimString(string(line))
		if text == "" {
			return head, nil
		}
		name, value, _ := strings.Cut(text, ":")
		head.Set(name, textproto.TrimString(value))
	}
}
