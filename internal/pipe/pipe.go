// SPDX-License-Identifier: MPL-2.0

// Package pipe makes a plain stream of bytes of an HTTP/1.1 connection, by the
// Upgrade that WebSocket uses too (RFC 9110, 7.8), so that it gets through the
// same proxies and the same authentication as every other request.
//
//	Open ──GET or POST, Upgrade: <protocol>──► Accept
//	     ◄─────────── 101 ────────────────────
//	     ◄═══════════ bytes ═════════════════►  either side closes
package pipe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/muster-ci/muster/core"
)

// Protocol is what Upgrade names: the bytes are those of SSH, or of several
// streams that carry it.
const Protocol = "muster-ssh"

// Ask marks a request as one that wants a pipe.
func Ask(r *http.Request) {
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", Protocol)
}

// Asked tells whether a request wants one.
func Asked(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), Protocol) && r.ProtoMajor == 1
}

// Opened returns the pipe that an answer brings, which is then the caller's to
// close; CodeUnavailable when something on the way does not let it through.
func Opened(r *http.Response) (io.ReadWriteCloser, error) {
	both, ok := r.Body.(io.ReadWriteCloser)
	if r.StatusCode != http.StatusSwitchingProtocols || !ok {
		return nil, core.Errorf(core.CodeUnavailable, "the other side answered %s and opens no connection; does a proxy between remove the Upgrade header?", r.Status)
	}
	return both, nil
}

// Accept answers 101 and takes the connection over from the server.
func Accept(w http.ResponseWriter) (net.Conn, error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, fmt.Errorf("taking over the connection: %w", err)
	}
	err = conn.SetDeadline(time.Time{}) // the server's were for requests
	if err == nil {
		_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+Protocol+"\r\n\r\n")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the connection: %w", err), conn.Close())
	}
	return &rest{Conn: conn, in: buffered.Reader}, nil
}

// rest reads what the server had read already first.
type rest struct {
	net.Conn
	in *bufio.Reader
}

// Read implements net.Conn.
func (r *rest) Read(p []byte) (int, error) { return r.in.Read(p) }

// Join moves bytes both ways until one side ends, and closes both.
func Join(a, b io.ReadWriteCloser) {
	closeBoth := sync.OnceFunc(func() {
		a.Close()
		b.Close()
	})
	defer closeBoth()
	var other sync.WaitGroup
	other.Go(func() {
		defer closeBoth()
		io.Copy(a, b)
	})
	io.Copy(b, a)
	closeBoth()
	other.Wait()
}
