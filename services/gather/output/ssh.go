// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// maxCalls is how many connections one attempt takes at once through us.
const maxCalls = 16

// tunnels are the agents that are connected to this instance: each keeps one
// connection open, in which we open a stream for each login.
//
//	person ──► gateway ──CallSSH──► output ══stream of the tunnel══► agent
//
// An agent is connected to every address of output that it knows, and a caller
// asks one instance after the other.
type tunnels struct {
	mu     sync.Mutex
	open   map[core.AttemptID]*tunnel
	closed bool
}

type tunnel struct {
	mux   *yamux.Session
	calls int // guarded by the mutex of tunnels
}

// keep serves an agent's connection until it ends. A newer one of the same
// attempt takes its place.
func (t *tunnels) keep(id core.AttemptID, conn net.Conn) error {
	own, err := t.add(id, conn)
	if own == nil || err != nil {
		return err
	}
	defer own.mux.Close()
	<-own.mux.CloseChan()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[id] == own {
		delete(t.open, id)
	}
	return nil
}

// add makes a connection the one of its attempt, and returns nil when there are
// to be none any more. An agent that has an answer to a ping can be called: the
// session begins under the lock.
func (t *tunnels) add(id core.AttemptID, conn net.Conn) (*tunnel, error) {
	cfg := yamux.DefaultConfig()
	cfg.LogOutput = io.Discard
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, conn.Close()
	}
	mux, err := yamux.Client(conn, cfg)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("serving the connection of an agent: %w", err)
	}
	if t.open == nil {
		t.open = map[core.AttemptID]*tunnel{}
	}
	if older := t.open[id]; older != nil {
		older.mux.Close()
	}
	t.open[id] = &tunnel{mux: mux}
	return t.open[id], nil
}

// close ends all of them; agents connect again elsewhere.
func (t *tunnels) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, one := range t.open {
		one.mux.Close()
	}
}

// call opens a stream to an attempt's agent.
func (t *tunnels) call(id core.AttemptID, head wire.SSHStream) (io.ReadWriteCloser, error) {
	t.mu.Lock()
	one := t.open[id]
	if one == nil {
		t.mu.Unlock()
		return nil, core.Errorf(core.CodeUnavailable, "the job's agent is not connected here (yet)")
	}
	if one.calls >= maxCalls {
		t.mu.Unlock()
		return nil, core.Errorf(core.CodeExhausted, "There are %d connections to this job already; close one.", maxCalls)
	}
	one.calls++
	t.mu.Unlock()
	release := sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		one.calls--
	})
	stream, err := one.mux.OpenStream()
	if err == nil {
		err = sendHead(stream, head)
	}
	if err != nil {
		release()
		return nil, core.Errorf(core.CodeUnavailable, "the job's agent does not answer: %w", err)
	}
	return &releasing{Stream: stream, release: release}, nil
}

func sendHead(stream *yamux.Stream, head wire.SSHStream) error {
	line, err := json.Marshal(head)
	if err == nil {
		err = stream.SetWriteDeadline(time.Now().Add(10 * time.Second))
	}
	if err == nil {
		_, err = stream.Write(append(line, '\n'))
	}
	if err == nil {
		err = stream.SetWriteDeadline(time.Time{})
	}
	if err != nil {
		stream.Close()
	}
	return err
}

// releasing gives its place back when it is closed.
type releasing struct {
	*yamux.Stream
	release func()
}

// Close implements io.Closer.
func (r *releasing) Close() error {
	r.release()
	return r.Stream.Close()
}

// SSHPlaces implements core.SSHPlaces.
func (s *Service) SSHPlaces(ctx context.Context, tasks []core.TaskID) ([]core.SSHPlace, error) {
	if len(tasks) > maxTasks {
		return nil, core.Errorf(core.CodeInvalid, "the places of %d tasks were asked for at once, at most %d may be", len(tasks), maxTasks)
	}
	places := []core.SSHPlace{}
	if len(tasks) == 0 {
		return places, nil
	}
	var rows []grantRow
	err := s.deps.DB.NewSelect().Model(&rows).Join("JOIN attempts AS a ON a.id = g.attempt_id").
		Where("g.task_id IN (?)", bun.List(tasks)).Where("g.ssh_host_key <> ''").Where("a.status = ?", core.JobRunning).Order("a.number", "a.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading where to log in: %w", err)
	}
	for _, r := range rows {
		places = append(places, core.SSHPlace{Task: r.Task, Attempt: r.Attempt, User: r.SSHUser, Address: r.SSHAddress, HostKey: r.SSHHostKey})
	}
	return places, nil
}

// CallSSH implements core.SSHPlaces, for the agents that are connected to this
// instance.
func (s *Service) CallSSH(ctx context.Context, c core.SSHCall) (io.ReadWriteCloser, error) {
	g, err := s.grant(ctx, c.Attempt)
	if err != nil {
		return nil, err
	}
	switch {
	case g.SSHUser == "" || g.SSHHostKey == "":
		return nil, core.Errorf(core.CodeNotFound, "The job was not run with SSH, or is not ready for it yet.")
	case g.SSHUser != c.User || c.User == "":
		return nil, core.Errorf(core.CodeForbidden, "Only the user who ran the job with SSH may log in to it.")
	}
	conn, err := s.tunnels.call(c.Attempt, wire.SSHStream{Remote: clip(c.Remote, 200)})
	if err != nil {
		return nil, err
	}
	s.deps.Logger.Info("ssh connection through the gateway", "attempt_id", c.Attempt, "user_id", c.User, "remote", c.Remote)
	return conn, nil
}
