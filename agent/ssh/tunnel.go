// SPDX-License-Identifier: MPL-2.0

package ssh

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/yamux"

	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/internal/wire"
)

// headTime is how long the line at the beginning of a stream may take.
const headTime = 10 * time.Second

// Outside is how a job reaches output.
type Outside struct {
	// Addresses are those of all instances that are known; the job is connected to
	// each, since a person's connection may come through any.
	Addresses []string
	// Dial opens one connection; final tells that there will never be one.
	Dial   func(ctx context.Context, address string) (conn io.ReadWriteCloser, final bool, err error)
	Logger hclog.Logger
}

// Run keeps a connection to every address until ctx ends, and hands the streams
// that come through them to serve.
func (o Outside) Run(ctx context.Context, serve func(net.Conn)) {
	var all sync.WaitGroup
	for _, address := range o.Addresses {
		all.Go(func() { o.keep(ctx, address, serve) })
	}
	all.Wait()
}

func (o Outside) keep(ctx context.Context, address string, serve func(net.Conn)) {
	pause := stream.Backoff{Least: 200 * time.Millisecond, Most: 10 * time.Second}
	for ctx.Err() == nil {
		began := time.Now()
		final, err := o.once(ctx, address, serve)
		if ctx.Err() != nil || final {
			return
		}
		o.Logger.Debug("the connection for logins ended", "address", address, "error", err)
		if time.Since(began) > time.Minute {
			pause = stream.Backoff{Least: pause.Least, Most: pause.Most}
		}
		timer := time.NewTimer(pause.Next())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// once connects and serves until the connection ends.
func (o Outside) once(ctx context.Context, address string, serve func(net.Conn)) (final bool, err error) {
	conn, final, err := o.Dial(ctx, address)
	if err != nil {
		return final, err
	}
	cfg := yamux.DefaultConfig()
	cfg.LogOutput = io.Discard
	mux, err := yamux.Server(conn, cfg)
	if err != nil {
		conn.Close()
		return false, fmt.Errorf("serving logins: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { mux.Close() })
	defer stop()
	defer mux.Close()
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		one, err := mux.AcceptStream()
		if err != nil {
			return false, err
		}
		serving.Go(func() {
			if person, err := receive(one); err != nil {
				one.Close()
			} else {
				serve(person)
			}
		})
	}
}

// person is a connection whose other end is somebody beyond the gateway.
type person struct {
	net.Conn
	remote net.Addr
}

// RemoteAddr implements net.Conn.
func (p person) RemoteAddr() net.Addr { return p.remote }

// remote is an address as the gateway told it.
type remote string

// Network implements net.Addr.
func (remote) Network() string { return "gateway" }

// String implements net.Addr.
func (r remote) String() string { return string(r) }

// receive reads the line at the beginning of a stream and no byte more.
func receive(conn net.Conn) (net.Conn, error) {
	if err := conn.SetReadDeadline(time.Now().Add(headTime)); err != nil {
		return nil, err
	}
	var line bytes.Buffer
	for one := make([]byte, 1); line.Len() < wire.MaxSSHStream; {
		if _, err := io.ReadFull(conn, one); err != nil {
			return nil, err
		}
		if one[0] == '\n' {
			break
		}
		line.WriteByte(one[0])
	}
	var head wire.SSHStream
	if err := json.Unmarshal(line.Bytes(), &head); err != nil {
		return nil, fmt.Errorf("reading who comes: %w", err)
	}
	return person{Conn: conn, remote: remote(head.Remote)}, conn.SetReadDeadline(time.Time{})
}
