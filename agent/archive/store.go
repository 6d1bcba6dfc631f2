// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/klauspost/compress/zstd"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// Caller makes the calls of package wire; *stream.Client is one.
type Caller interface {
	// Call tries once.
	Call(ctx context.Context, path string, in, out any) error
	// Address is what URLs that begin with a slash are below.
	Address() string
}

// Config is what a site or a test may change. The zero value is usual.
type Config struct {
	Patience    time.Duration // from the first failure of a call or a part to giving up; 0 means 5 min
	Stall       time.Duration // without a byte before a transfer counts as cut; 0 means 60 s
	PauseLeast  time.Duration // between tries, at first; 0 means 200 ms
	PauseMost   time.Duration // and later; 0 means 15 s
	PartBytes   int           // at which a part is full; 0 means 16 MiB
	Transfers   int           // parts under way at once; 0 means 4
	CopiesDir   string        // of parts of caches and workspaces on this client; "" means none
	CopiesBytes int64         // that the copies may take; 0 means 10 GiB
}

const (
	// blockBytes is how much is compressed in one piece.
	blockBytes = 1 << 20
	// blockRoom has room for what does not compress: a few bytes for each of
	// zstd's blocks.
	blockRoom = blockBytes + blockBytes/64
	// maxFrame is the most plain bytes of a frame that a Reader takes.
	maxFrame = 64 << 20
	// maxWorkers bounds memory on large machines.
	maxWorkers = 16
)

// Deps are what a Store leans on.
type Deps struct {
	Logger hclog.Logger
	Caller Caller
	NewID  func() string
	// Note tells the step's reader of trouble, in whole lines; nil tells nobody.
	Note func(format string, args ...any)
}

// Store keeps and brings back archives of one task. Several goroutines may use
// it.
type Store struct {
	cfg      Config
	deps     Deps
	http     *http.Client
	encoder  *zstd.Encoder
	decoder  *zstd.Decoder
	copies   *copies
	workers  int
	blocks   pool // of blockBytes, and frames of about that
	parts    pool // of a part and some
	troubles troubles
}

// New returns a Store. It uses no proxy: the variables that name one are the
// build's.
func New(cfg Config, deps Deps) (*Store, error) {
	if deps.Caller == nil || deps.NewID == nil {
		return nil, errors.New("archive needs a caller and ids")
	}
	if deps.Logger == nil {
		deps.Logger = hclog.NewNullLogger()
	}
	if deps.Note == nil {
		deps.Note = func(string, ...any) {}
	}
	cfg.Patience = cmp.Or(cfg.Patience, 5*time.Minute)
	cfg.Stall = cmp.Or(cfg.Stall, time.Minute)
	cfg.PauseLeast = cmp.Or(cfg.PauseLeast, 200*time.Millisecond)
	cfg.PauseMost = cmp.Or(cfg.PauseMost, 15*time.Second)
	cfg.PartBytes = cmp.Or(cfg.PartBytes, 16<<20)
	cfg.Transfers = cmp.Or(cfg.Transfers, 4)
	cfg.CopiesBytes = cmp.Or(cfg.CopiesBytes, 10<<30)
	if cfg.PartBytes < 1 || cfg.PartBytes > wire.MaxArchivePart-2*blockBytes {
		return nil, core.Errorf(core.CodeInvalid, "parts of %d bytes are not possible", cfg.PartBytes)
	}
	s := &Store{cfg: cfg, deps: deps, http: newHTTP(cfg), workers: min(maxWorkers, runtime.GOMAXPROCS(0))}
	var err error
	// What is sealed needs no checksum of zstd's.
	s.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(s.workers), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(blockBytes))
	if err != nil {
		return nil, core.Errorf(core.CodeInternal, "preparing compression: %v", err)
	}
	s.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(s.workers), zstd.WithDecoderMaxMemory(maxFrame))
	if err != nil {
		return nil, core.Errorf(core.CodeInternal, "preparing decompression: %v", err)
	}
	s.copies = openCopies(cfg, deps)
	return s, nil
}

// WithNote returns a Store that shares all with s and tells another reader.
func (s *Store) WithNote(note func(format string, args ...any), patience time.Duration) *Store {
	c := &Store{cfg: s.cfg, deps: s.deps, http: s.http, encoder: s.encoder, decoder: s.decoder, copies: s.copies, workers: s.workers}
	c.deps.Note, c.cfg.Patience = note, cmp.Or(patience, s.cfg.Patience)
	return c
}

func newHTTP(cfg Config) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		MaxIdleConnsPerHost: 2 * cfg.Transfers,
		DisableCompression:  true,
		WriteBufferSize:     256 << 10,
		ReadBufferSize:      256 << 10,
	}}
}

// Find asks for a cache or a workspace's layers.
func (s *Store) Find(ctx context.Context, what wire.ArchiveFind) ([]wire.FoundArchive, error) {
	var found wire.ArchiveFound
	err := s.call(ctx, wire.PathArchiveFind, what, &found)
	return found.Archives, err
}

// partRoom is the capacity of a part's buffer, the same for nearly all, so that
// one may be used for any.
func (s *Store) partRoom(size int64) int {
	return max(int(size), s.cfg.PartBytes+blockRoom+64<<10)
}

// pool keeps buffers for their next use, as many as were ever in use at once. It
// lives as long as the step. A sync.Pool would give them up when garbage is
// collected, and large ones that are made anew beside those that wait for the
// collector took as much memory again.
type pool struct {
	mu   sync.Mutex
	free [][]byte
}

// get returns an empty buffer of at least so much room.
func (p *pool) get(size int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.free) > 0 {
		last := len(p.free) - 1
		b := p.free[last]
		p.free[last], p.free = nil, p.free[:last]
		if cap(b) >= size {
			return b[:0]
		}
	}
	return make([]byte, 0, size)
}

func (p *pool) put(b []byte) {
	if cap(b) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, b)
}
