// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/creachadair/jrpc2/handler"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/internal/check"
)

// Config is what a server can be told.
type Config struct {
	// Debounce is how long a text has to stay as it is before it is compiled.
	Debounce time.Duration
}

// Default returns the usual settings.
func Default() Config { return Config{Debounce: 150 * time.Millisecond} }

// Deps are what a server leans on.
type Deps struct {
	Logger   hclog.Logger
	Registry check.Registry // nil: orbs of the registry are not looked at
}

// Server is one session with an editor.
type Server struct {
	cfg     Config
	deps    Deps
	rpc     *jrpc2.Server
	store   *store
	orbs    *shelf
	related bool // the editor shows related information
	mu      sync.Mutex
	pending sync.WaitGroup // compilations
}

// orbCacheBytes keeps the orbs of the configs that are open.
const orbCacheBytes = 32 << 20

// New makes a server. It starts nothing.
func New(cfg Config, deps Deps) *Server {
	return &Server{cfg: cfg, deps: deps, store: newStore(), orbs: newShelf(deps.Registry)}
}

// Run serves an editor until it says exit, closes the stream, or ctx ends.
func (s *Server) Run(ctx context.Context, in io.Reader, out io.WriteCloser) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.rpc = jrpc2.NewServer(s.methods(stop), &jrpc2.ServerOptions{
		AllowPush: true, DisableBuiltin: true, Concurrency: 4, NewContext: func() context.Context { return ctx },
	})
	s.rpc.Start(newFrames(in, out))
	ended := make(chan error, 1)
	go func() { ended <- s.rpc.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		// A read of standard input cannot be called off: it ends with the
		// process, and nobody waits for it here.
		s.rpc.Stop()
	}
	s.store.clear()
	s.pending.Wait()
	if err != nil && !errors.Is(err, io.EOF) && !channel.IsErrClosing(err) {
		return fmt.Errorf("serving the editor: %w", err)
	}
	return nil
}

func (s *Server) methods(exit func()) handler.Map {
	return handler.Map{
		"initialize":              handler.New(s.initialize),
		"initialized":             handler.New(ignore),
		"shutdown":                handler.New(func(context.Context) (any, error) { return nil, nil }),
		"exit":                    handler.New(func(context.Context) error { exit(); return nil }),
		"$/cancelRequest":         handler.New(s.cancelRequest),
		"$/setTrace":              handler.New(ignore),
		"textDocument/didOpen":    handler.New(s.didOpen),
		"textDocument/didChange":  handler.New(s.didChange),
		"textDocument/didClose":   handler.New(s.didClose),
		"textDocument/didSave":    handler.New(ignore),
		"textDocument/hover":      handler.New(s.hover),
		"textDocument/definition": handler.New(s.definition),
		"textDocument/completion": handler.New(s.completion),
	}
}

func ignore(context.Context, any) error { return nil }

func (s *Server) initialize(_ context.Context, p initializeParams) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.related = p.Capabilities.TextDocument.PublishDiagnostics.RelatedInformation
	return capabilities, nil
}

func (s *Server) cancelRequest(_ context.Context, p struct {
	ID any `json:"id"`
}) error {
	s.rpc.CancelRequest(fmt.Sprint(p.ID))
	return nil
}

func (s *Server) didOpen(ctx context.Context, p openParams) error {
	s.update(ctx, p.TextDocument)
	return nil
}

func (s *Server) didChange(ctx context.Context, p changeParams) error {
	if len(p.ContentChanges) == 0 {
		return nil
	}
	p.TextDocument.Text = p.ContentChanges[len(p.ContentChanges)-1].Text
	s.update(ctx, p.TextDocument)
	return nil
}

// didClose forgets a text and takes its mistakes off the editor's list.
func (s *Server) didClose(ctx context.Context, p openParams) error {
	s.store.remove(p.TextDocument.URI)
	return s.publish(ctx, publishParams{URI: p.TextDocument.URI, Diagnostics: []diagnostic{}})
}

func (s *Server) publish(ctx context.Context, p publishParams) error {
	return s.rpc.Notify(ctx, "textDocument/publishDiagnostics", p)
}
