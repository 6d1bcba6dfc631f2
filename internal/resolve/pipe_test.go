// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"net"
	"testing"

	"golang.org/x/net/nettest"
)

// TestPipe runs the Go project's own conformance suite for connections.
func TestPipe(t *testing.T) {
	t.Parallel()
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		client, server := newPipe("queue")
		return client, server, func() {
			client.Close()
			server.Close()
		}, nil
	})
}

// FuzzStream writes and reads in pieces of any size across the end of the ring.
func FuzzStream(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Add([]byte{255, 0, 255, 255, 128, 7})
	f.Fuzz(func(t *testing.T, sizes []byte) {
		s := newStream()
		s.ring = make([]byte, 97) // small, so that it wraps often
		var next, want byte
		for i, size := range sizes {
			piece := make([]byte, size)
			if i%2 == 0 {
				for j := range piece {
					piece[j] = next + byte(j)
				}
				next += byte(s.fill(piece))
				continue
			}
			for _, got := range piece[:s.take(piece)] {
				if got != want {
					t.Fatalf("got byte %d, want %d", got, want)
				}
				want++
			}
		}
		if s.size != int(next-want) {
			t.Fatalf("%d bytes are in the ring, want %d", s.size, next-want)
		}
	})
}
