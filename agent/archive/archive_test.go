// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"), // idle connections
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// bench is a store and its server.
type bench struct {
	*Store
	server *agenttest.Server

	mu    sync.Mutex
	notes []string
}

// quick is for tests: small parts, short patience.
func quick() Config {
	return Config{Patience: 5 * time.Second, Stall: 2 * time.Second, PauseLeast: time.Millisecond, PauseMost: 5 * time.Millisecond, PartBytes: 100_000}
}

func newBench(t testing.TB, cfg Config) *bench {
	t.Helper()
	b := &bench{server: agenttest.New(t, core.ClaimedTask{}, wire.Limits{})}
	b.Store = b.open(t, cfg)
	return b
}

// open returns another store of the same server.
func (b *bench) open(t testing.TB, cfg Config) *Store {
	t.Helper()
	client := stream.NewClient([]string{b.server.URL})
	if _, err := client.Claim(t.Context(), agenttest.Identity, wire.ClaimRequest{Nonce: "n"}); err != nil {
		t.Fatal(err)
	}
	s, err := New(cfg, Deps{Caller: client, NewID: core.NewID, Note: func(format string, args ...any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.notes = append(b.notes, fmt.Sprintf(format, args...))
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// text compresses, noise does not; both have parts of several frames.
func text(n int) []byte {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%d lines of %x\n", random.IntN(1000), random.Uint64())
	}
	return b.Bytes()[:n]
}

func noise(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(p)
	return p
}

func keep(t testing.TB, s *Store, kind core.ArchiveKind, key string, data []byte) (Kept, error) {
	t.Helper()
	w, err := s.Create(t.Context(), kind, 3, key)
	if err != nil {
		return Kept{}, err
	}
	defer w.Abort()
	for chunk := range slices.Chunk(data, 70_001) {
		if _, err := w.Write(chunk); err != nil {
			return Kept{}, err
		}
	}
	return w.Commit(t.Context(), 1, nil)
}

func fetch(t testing.TB, s *Store, found wire.FoundArchive) ([]byte, error) {
	t.Helper()
	r, err := s.Open(t.Context(), found)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func (b *bench) last() *agenttest.Archive {
	all := b.server.Archives()
	return &all[len(all)-1]
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	b := newBench(t, quick())
	for name, data := range map[string][]byte{"nothing": {}, "one": {1}, "text": text(3_000_000), "noise": noise(1_234_567), "exact": noise(200_000)} {
		kept, err := keep(t, b.Store, core.ArchiveCache, name, data)
		if err != nil || kept.Plain != int64(len(data)) || kept.Exists {
			t.Fatalf("%s: %+v, %v", name, kept, err)
		}
		found, err := b.Find(t.Context(), wire.ArchiveFind{Kind: core.ArchiveCache, Keys: []string{name}})
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %+v, %v", name, found, err)
		}
		if got, err := fetch(t, b.Store, found[0]); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes came back of %d, %v", name, len(got), len(data), err)
		}
		if stored := StoredSize(found[0].Parts); stored != kept.Stored {
			t.Errorf("%s: %d bytes stored, the commit says %d", name, kept.Stored, stored)
		}
	}
	if b.server.Objects.Contains("lines of") {
		t.Error("the store can read what is kept")
	}
}

// TestArtifactsAreAsTheyAre: part n holds the same number of bytes as any other,
// so that a range of the whole is a range of parts.
func TestArtifactsAreAsTheyAre(t *testing.T) {
	t.Parallel()
	b := newBench(t, quick())
	if _, err := keep(t, b.Store, core.ArchiveArtifacts, "", text(250_000)); err != nil {
		t.Fatal(err)
	}
	var sizes []int64
	for _, p := range b.last().Commit.Parts {
		sizes = append(sizes, p.Plain)
	}
	if diff := cmp.Diff([]int64{100_000, 100_000, 50_000}, sizes); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

func TestAKeyIsTakenOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, quick())
	first, err := b.Create(t.Context(), core.ArchiveCache, 1, "k")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Abort()
	if kept, err := keep(t, b.Store, core.ArchiveCache, "k", noise(10)); err != nil || kept.Exists {
		t.Fatalf("%+v, %v", kept, err)
	}
	if kept, err := first.Commit(t.Context(), 0, nil); err != nil || !kept.Exists {
		t.Errorf("the slower one: %+v, %v", kept, err)
	}
	if _, err := b.Create(t.Context(), core.ArchiveCache, 1, "k"); !errors.Is(err, ErrExists) {
		t.Errorf("the later one: %v", err)
	}
}

// TestFaultsAreOvercome: every second request to the store fails, in all ways,
// and calls of output get lost. All that was kept comes back.
func TestFaultsAreOvercome(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]agenttest.ObjectFault{"fails": agenttest.Fails, "expired": agenttest.Expired,
		"cuts": agenttest.Cuts, "garbles": agenttest.Garbles, "whole": agenttest.Whole} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, quick())
			seen := map[string]int{}
			b.server.Objects.SetFault(func(_ int, method, object string) agenttest.ObjectFault {
				if seen[method+object]++; seen[method+object] == 1 {
					if fault == agenttest.Whole && method == "GET" {
						return agenttest.Cuts
					}
					return fault
				}
				if fault == agenttest.Whole {
					return fault
				}
				return agenttest.Works
			})
			b.server.SetFault(func(n int, path string) agenttest.Fault {
				if strings.Contains(path, "archives") && n%3 == 0 {
					return []agenttest.Fault{agenttest.Drop, agenttest.Unavail, agenttest.LostAnswer}[n/3%3]
				}
				return agenttest.None
			})
			data := noise(650_000)
			if _, err := keep(t, b.Store, core.ArchiveWorkspace, "", data); err != nil {
				t.Fatal(err)
			}
			got, err := fetch(t, b.Store, b.last().Found())
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%d bytes came back of %d, %v", len(got), len(data), err)
			}
			if _, sent := b.server.Objects.Requests(); fault == agenttest.Cuts && sent > 680_000 {
				t.Errorf("after cuts %d bytes were fetched for %d: not from where they were", sent, len(data))
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			if len(b.notes) == 0 || strings.Contains(strings.Join(b.notes, ""), "/objects/") {
				t.Errorf("notes: %q", b.notes)
			}
		})
	}
}

// TestAStalledTransferIsCut: a store that takes a request and never answers.
func TestAStalledTransferIsCut(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.Stall = 20 * time.Millisecond
	b := newBench(t, cfg)
	var mu sync.Mutex
	seen := map[string]bool{}
	b.server.Objects.SetFault(func(_ int, method, object string) agenttest.ObjectFault {
		mu.Lock()
		defer mu.Unlock()
		if seen[method+object] {
			return agenttest.Works
		}
		seen[method+object] = true
		return agenttest.Hangs
	})
	data := noise(1000)
	if _, err := keep(t, b.Store, core.ArchiveWorkspace, "", data); err != nil {
		t.Fatal(err)
	}
	if got, err := fetch(t, b.Store, b.last().Found()); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes came back of %d, %v", len(got), len(data), err)
	}
}

// TestATrickleIsNoProgress: bytes that move, but too few of them, do not keep a
// transfer alive.
func TestATrickleIsNoProgress(t *testing.T) {
	t.Parallel()
	ctx, tick, done := stall(t.Context(), 100*time.Millisecond)
	defer done()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for moved := 0; moved < 1000; moved++ {
		select {
		case <-ticker.C:
			tick(100)
		case <-ctx.Done():
			if !errors.Is(context.Cause(ctx), errStalled) {
				t.Errorf("got %v", context.Cause(ctx))
			}
			return
		}
	}
	t.Error("the transfer goes on for ever")
}

func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.Patience = 20 * time.Millisecond
	b := newBench(t, cfg)
	down := func(int, string, string) agenttest.ObjectFault { return agenttest.Fails }
	b.server.Objects.SetFault(down)
	_, err := keep(t, b.Store, core.ArchiveCache, "k", noise(500_000))
	if core.ErrorCode(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "object store") {
		t.Errorf("saving: %v", err)
	}
	if a := b.last(); a.Committed {
		t.Error("what is not whole was committed")
	}
	b.server.Objects.SetFault(nil)
	if _, err := keep(t, b.Store, core.ArchiveCache, "k", noise(500_000)); err != nil {
		t.Fatal(err)
	}
	b.server.Objects.SetFault(down)
	if _, err := fetch(t, b.Store, b.last().Found()); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("restoring: %v", err)
	}
	b.server.SetFault(func(int, string) agenttest.Fault { return agenttest.Unavail })
	if _, err := b.Find(t.Context(), wire.ArchiveFind{}); core.ErrorCode(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "output service") {
		t.Errorf("finding: %v", err)
	}
}

// TestRefusalsAreNotRepeated: what the server says no to stays so.
func TestRefusalsAreNotRepeated(t *testing.T) {
	t.Parallel()
	b := newBench(t, quick())
	b.server.SetFault(func(int, string) agenttest.Fault { return agenttest.Forbid })
	before := b.server.Requests()
	_, err := b.Create(t.Context(), core.ArchiveCache, 1, "k")
	if core.ErrorCode(err) != core.CodeForbidden || err.Error() != "the test says so" {
		t.Errorf("got %v", err)
	}
	if n := b.server.Requests() - before; n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestTheEndOfTheJobEndsTransfers: with the cause that ended it.
func TestTheEndOfTheJobEndsTransfers(t *testing.T) {
	t.Parallel()
	b := newBench(t, quick())
	ended := errors.New("the job was canceled")
	ctx, cancel := context.WithCancelCause(t.Context())
	w, err := b.Create(ctx, core.ArchiveWorkspace, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	b.server.Objects.SetFault(func(n int, _, _ string) agenttest.ObjectFault {
		cancel(ended)
		return agenttest.Hangs
	})
	for err == nil {
		_, err = w.Write(noise(300_000))
	}
	if !errors.Is(err, ended) {
		t.Errorf("writing: %v", err)
	}
	if _, err := w.Commit(context.WithoutCancel(ctx), 0, nil); !errors.Is(err, ended) {
		t.Errorf("committing: %v", err)
	}
	if b.last().Committed {
		t.Error("what is not whole was committed")
	}
}

// TestDamageIsFound: whatever happened to the stored bytes, or to the row.
func TestDamageIsFound(t *testing.T) {
	t.Parallel()
	b := newBench(t, quick())
	data := text(2_000_000)
	if _, err := keep(t, b.Store, core.ArchiveCache, "k", data); err != nil {
		t.Fatal(err)
	}
	whole := b.last().Found()
	if len(whole.Parts) < 3 {
		t.Fatalf("only %d parts", len(whole.Parts))
	}
	for name, change := range map[string]func(*wire.FoundArchive){
		"another key":     func(f *wire.FoundArchive) { f.Secret = bytes.Repeat([]byte{9}, 32) },
		"a part missing":  func(f *wire.FoundArchive) { f.Parts = f.Parts[:len(f.Parts)-1] },
		"parts exchanged": func(f *wire.FoundArchive) { f.Parts[0], f.Parts[1] = f.Parts[1], f.Parts[0] },
		"more plain":      func(f *wire.FoundArchive) { f.Plain++ },
		"less plain":      func(f *wire.FoundArchive) { f.Plain-- },
		"a huge part":     func(f *wire.FoundArchive) { f.Parts[0].Size = wire.MaxArchivePart + 1 },
		"another digest":  func(f *wire.FoundArchive) { f.Parts[1].SHA256 = strings.Repeat("0", 64) },
	} {
		found := whole
		found.Parts = slices.Clone(whole.Parts)
		change(&found)
		if _, err := fetch(t, b.Store, found); err == nil {
			t.Errorf("%s: not found out", name)
		}
	}
	if got, err := fetch(t, b.Store, whole); err != nil || !bytes.Equal(got, data) {
		t.Errorf("undamaged: %v", err)
	}
}

func TestConcurrentArchives(t *testing.T) {
	t.Parallel()
	b := newBench(t, quick())
	var done sync.WaitGroup
	for i := range 10 {
		done.Go(func() {
			data := text(200_000 + i)
			key := fmt.Sprintf("key-%d.", i)
			if _, err := keep(t, b.Store, core.ArchiveCache, key, data); err != nil {
				t.Error(err)
				return
			}
			found, err := b.Find(t.Context(), wire.ArchiveFind{Kind: core.ArchiveCache, Keys: []string{key}})
			if err != nil || len(found) != 1 {
				t.Error(found, err)
				return
			}
			if got, err := fetch(t, b.Store, found[0]); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %v", key, err)
			}
		})
	}
	done.Wait()
}

// TestBuffersAreBounded: however many parts there are, as many have buffers as
// are under way: those that are fetched, and those whose frames are.
func TestBuffersAreBounded(t *testing.T) {
	t.Parallel()
	cfg := quick()
	b := newBench(t, cfg)
	const parts = 200
	if _, err := keep(t, b.Store, core.ArchiveCache, "k", noise(parts*cfg.PartBytes)); err != nil {
		t.Fatal(err)
	}
	found := b.last().Found()
	if len(found.Parts) < parts {
		t.Fatalf("only %d parts", len(found.Parts))
	}
	s := b.open(t, cfg)
	if _, err := fetch(t, s, found); err != nil {
		t.Fatal(err)
	}
	// Each of these parts has one frame: with those that decompress, those that
	// wait for that, and one between two.
	most := s.cfg.Transfers + 2*s.workers + 2
	if made := len(s.parts.free); made == 0 || made > most {
		t.Errorf("%d buffers for parts were made, want 1 to %d", made, most)
	}
}

// FuzzNextFrame: cutting frames never reads beyond them, and loses nothing.
func FuzzNextFrame(f *testing.F) {
	b := newBench(f, quick())
	for _, n := range []int{0, 1, 1000, 300_000} {
		f.Add(b.encoder.EncodeAll(text(n), nil))
	}
	f.Add([]byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0})
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, p []byte) {
		total := 0
		for rest := p; len(rest) > 0; {
			frame, after, err := nextFrame(rest)
			if err != nil || frame == nil {
				return
			}
			if total += len(frame); len(frame) == 0 || len(after) > len(rest)-len(frame) || total > len(p) {
				t.Fatalf("a frame of %d bytes leaves %d of %d", len(frame), len(after), len(rest))
			}
			rest = after
		}
	})
}
