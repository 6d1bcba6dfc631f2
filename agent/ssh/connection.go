// SPDX-License-Identifier: MPL-2.0

package ssh

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/muster-ci/muster/agent/process"
)

// connection is one of a client.
type connection struct {
	*Server
	raw         net.Conn
	remote      string
	fingerprint string
	loggedIn    bool
}

// Serve serves one connection until it ends, and closes it.
func (s *Server) Serve(conn net.Conn) {
	defer conn.Close()
	c := &connection{Server: s, raw: conn, remote: conn.RemoteAddr().String()}
	if !s.enter(c) {
		return
	}
	defer s.connections.Done()
	leave := sync.OnceFunc(func() { s.leave(c) })
	defer leave()
	deadline := time.AfterFunc(loginTime, func() { conn.Close() })
	client, channels, requests, err := xssh.NewServerConn(conn, s.config)
	deadline.Stop()
	if err != nil {
		s.deps.Logger.Info("ssh login refused", "remote", c.remote, "error", err)
		return
	}
	defer client.Close()
	c.fingerprint = client.Permissions.Extensions[fingerprintKey]
	s.arrived(c)
	s.deps.Logger.Info("ssh login", "remote", c.remote, "fingerprint", c.fingerprint, "client", string(client.ClientVersion()))
	go xssh.DiscardRequests(requests) // among them: listening on ports for the client
	c.serve(channels, leave)
}

func (s *Server) enter(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.pending >= maxConnections {
		return false
	}
	s.pending++
	s.connections.Add(1)
	s.open[c] = true
	return true
}

func (s *Server) arrived(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.loggedIn = true
	s.announce()
}

func (s *Server) leave(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending--
	delete(s.open, c)
	if c.loggedIn {
		s.quietAt = s.deps.Clock()
		s.announce()
	}
}

// announce wakes those who wait for a change; the caller holds mu.
func (s *Server) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// serve takes channels until the connection ends. Then nobody is there any more,
// though commands that do not heed SIGHUP may go on for a while.
func (c *connection) serve(channels <-chan xssh.NewChannel, leave func()) {
	var serving sync.WaitGroup
	defer serving.Wait()
	defer leave()
	places := make(chan struct{}, maxChannels)
	for ch := range channels {
		select {
		case places <- struct{}{}:
		default:
			ch.Reject(xssh.ResourceShortage, "too many channels")
			continue
		}
		serving.Go(func() {
			defer func() { <-places }()
			c.channel(ch)
		})
	}
}

func (c *connection) channel(ch xssh.NewChannel) {
	switch ch.ChannelType() {
	case "session":
		accepted, requests, err := ch.Accept()
		if err != nil {
			return
		}
		(&session{connection: c, channel: accepted}).serve(requests)
	case "direct-tcpip":
		c.forward(ch)
	default:
		ch.Reject(xssh.UnknownChannelType, "this server has sessions only")
	}
}

// forward connects a client to a port that the job reaches (RFC 4254, 7.2).
func (c *connection) forward(ch xssh.NewChannel) {
	if !c.cfg.Forwarding {
		ch.Reject(xssh.Prohibited, "forwarding of ports is switched off on this installation")
		return
	}
	var want struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	if err := xssh.Unmarshal(ch.ExtraData(), &want); err != nil {
		ch.Reject(xssh.ConnectionFailed, "malformed request")
		return
	}
	address := net.JoinHostPort(want.Host, strconv.Itoa(int(want.Port)))
	end, err := c.begin("forward", address)
	if err != nil {
		ch.Reject(xssh.Prohibited, err.Error())
		return
	}
	defer end(0)
	there, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		ch.Reject(xssh.ConnectionFailed, "cannot connect to "+address)
		return
	}
	defer there.Close()
	here, requests, err := ch.Accept()
	if err != nil {
		return
	}
	defer here.Close()
	go xssh.DiscardRequests(requests)
	var back sync.WaitGroup
	back.Go(func() {
		io.Copy(here, there)
		here.CloseWrite()
	})
	io.Copy(there, here)
	if half, ok := there.(*net.TCPConn); ok {
		half.CloseWrite()
	}
	back.Wait()
}

// begin records a command, or says why it cannot be.
func (c *connection) begin(kind, command string) (end func(int), err error) {
	end, err = c.deps.Begin(Login{Kind: kind, Command: command, Remote: c.remote, Fingerprint: c.fingerprint})
	if err != nil {
		return nil, fmt.Errorf("recording the session: %w", err)
	}
	return end, nil
}

// keep remembers a running command, so that Close ends it. It is refused when
// the server is closed already.
func (s *Server) keep(command *process.Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.commands[command] = true
	}
	return !s.closed
}

func (s *Server) drop(command *process.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.commands, command)
}
