// SPDX-License-Identifier: MPL-2.0

package answer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// Socket is the name of the socket in the folder of the task's data.
const Socket = "agent.sock"

const (
	// maxBody bounds what a command may send; the names of 200,000 tests fit.
	maxBody = 32 << 20
	// maxAnswer bounds what a command reads of an answer.
	maxAnswer = wire.MaxTimings + 1<<10
	// callTimeout bounds a call, the agent's own calls for it included.
	callTimeout = 2 * time.Minute
	// maxCalls is how many are answered at once; more wait.
	maxCalls = 32
)

// Server answers the commands of one job.
type Server struct {
	logger hclog.Logger
	mux    *http.ServeMux
	slots  chan struct{}

	mu       sync.Mutex
	listener net.Listener
}

// NewServer returns a Server that knows no path yet.
func NewServer(logger hclog.Logger) *Server {
	return &Server{logger: logger, mux: http.NewServeMux(), slots: make(chan struct{}, maxCalls)}
}

// Handle registers what answers a pattern of http.ServeMux, for example
// "POST /v1/halt". It must not be called once the Server listens.
func (s *Server) Handle(pattern string, handler http.Handler) {
	s.mux.Handle(pattern, handler)
}

// Listen makes the socket at path, which every user may open: who calls is
// looked at when the call comes.
func (s *Server) Listen(path string) error {
	short, release, err := shorten(path)
	if err != nil {
		return fmt.Errorf("opening the folder of the agent's socket: %w", err)
	}
	defer release()
	listener, err := net.Listen("unix", short)
	if err != nil {
		return fmt.Errorf("listening for the commands of the job: %w", err)
	}
	// The path was perhaps a detour, which is gone when the socket is closed; the
	// folder goes away with the job.
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o666); err != nil { //nolint:gosec // see above
		return errors.Join(fmt.Errorf("opening the agent's socket to the job's users: %w", err), listener.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener = listener
	return nil
}

// Run answers until ctx ends; calls that are under way then are cut off. Listen
// comes before it.
func (s *Server) Run(ctx context.Context) {
	server := &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       callTimeout,
		WriteTimeout:      callTimeout,
		IdleTimeout:       10 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       withPeer,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          s.logger.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	s.mu.Lock()
	listener := s.listener
	s.mu.Unlock()
	if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
		s.logger.Warn("the commands of the job are not answered any more", "error", err)
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !allowed(r.Context()) {
		refuse(w, core.Errorf(core.CodeForbidden, "only commands of the job itself are answered"))
		return
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-r.Context().Done():
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	r = r.WithContext(ctx)
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if _, pattern := s.mux.Handler(r); pattern == "" {
		refuse(w, core.Errorf(core.CodeNotFound, "this agent knows no %s %s", r.Method, r.URL.Path))
		return
	}
	s.mux.ServeHTTP(w, r)
}

// JSON returns a handler that reads In, and answers with Out. What f returns
// as a core.Error is told to the command.
func JSON[In, Out any](f func(context.Context, In) (Out, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil && !errors.Is(err, io.EOF) {
			refuse(w, core.Errorf(core.CodeInvalid, "the request cannot be read: %w", err))
			return
		}
		out, err := f(r.Context(), in)
		if err != nil {
			refuse(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(out) // a command that has gone needs no answer
	})
}

// refuse answers with the error's code. The status tells a Caller no more than
// that there is one.
func refuse(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	json.NewEncoder(w).Encode(wire.Error{Code: core.ErrorCode(err), Message: core.ErrorMessage(err)})
}

type peerKey struct{}

// withPeer notes who opened the connection, as the kernel tells it.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return ctx
	}
	var peer *unix.Ucred
	if raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}) != nil || err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, peer)
}

// allowed tells whether a process of the build is calling. Where /proc does not
// show its ancestors (an image without /proc), its user decides.
func allowed(ctx context.Context) bool {
	peer, ok := ctx.Value(peerKey{}).(*unix.Ucred)
	if !ok {
		return false
	}
	if known, descends := process.Descends(int(peer.Pid)); known {
		return descends
	}
	return peer.Uid == 0 || int(peer.Uid) == os.Getuid()
}
