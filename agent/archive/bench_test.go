// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-ci/muster/agent/tree"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/testx"
)

// words is text as sources and logs are: it compresses three to four times.
func words(random *rand.Rand, p []byte) {
	list := []string{"return ", "package ", "error", "if err != nil {\n", "\t", "func (s *Service) ", "context.Context", "\n", "// ", "the ", "of ", "}\n", "import ", "0x"}
	for at := 0; at < len(p); {
		at += copy(p[at:], list[random.IntN(len(list))])
		if random.IntN(3) == 0 && at < len(p) {
			at += copy(p[at:], fmt.Sprintf("%x", random.Uint32()))
		}
	}
}

// programs is a program or a library: structure, with much that does not compress.
func programs(random *rand.Rand, p []byte) {
	words(random, p)
	for at := 0; at+64 < len(p); at += 256 {
		for i := range 96 {
			if at+i < len(p) {
				p[at+i] = byte(random.Uint32())
			}
		}
	}
}

// mixed fills a folder as caches are: sources, libraries, archives that are
// compressed already.
func mixed(b *testing.B, root string, total int) {
	random := rand.New(rand.NewPCG(5, 5))
	pattern := make([]byte, 16<<20)
	texts, binaries, packed := make([]byte, len(pattern)), make([]byte, len(pattern)), make([]byte, len(pattern))
	words(random, texts)
	programs(random, binaries)
	rand.NewChaCha8([32]byte{1}).Read(packed)
	for n := 0; total > 0; n++ {
		size, content := 2_000+random.IntN(60_000), texts
		switch {
		case n%40 == 0:
			size, content = 4<<20+random.IntN(8<<20), packed
		case n%10 == 0:
			size, content = 1<<20+random.IntN(3<<20), binaries
		}
		size = min(size, total)
		total -= size
		from := random.IntN(len(content) - size + 1)
		at := filepath.Join(root, fmt.Sprintf("%d/%d", n%50, n))
		if n < 50 {
			must(b, os.MkdirAll(filepath.Dir(at), 0o755))
		}
		must(b, os.WriteFile(at, content[from:from+size], 0o644))
	}
}

// manySmall fills a folder as node_modules is, with files of 200 bytes to most.
func manySmall(b *testing.B, root string, count, most int) {
	random := rand.New(rand.NewPCG(6, 6))
	texts := make([]byte, 8<<20)
	words(random, texts)
	for n := range count {
		at := filepath.Join(root, fmt.Sprintf("%d/%d/%d.js", n/1000, n/20, n))
		if n%20 == 0 {
			must(b, os.MkdirAll(filepath.Dir(at), 0o755))
		}
		size := 200 + random.IntN(most-200)
		from := random.IntN(len(texts) - size)
		must(b, os.WriteFile(at, texts[from:from+size], 0o644))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cost is what something took of the clock and of processors.
type cost struct{ wall, cpu time.Duration }

// measure runs f and returns its cost: of this process and, afterwards, of the
// programs that it ran.
func measure(f func()) cost {
	began, before := time.Now(), used()
	f()
	return cost{time.Since(began), used() - before}
}

func used() time.Duration {
	var total time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		if unix.Getrusage(who, &r) == nil {
			total += time.Duration(r.Utime.Nano() + r.Stime.Nano())
		}
	}
	return total
}

// shell runs a pipeline of programs.
func shell(b *testing.B, script string, args ...string) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "bash", append([]string{"-euo", "pipefail", "-c", script, "bash"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v: %s", script, err, out)
	}
}

// race is one comparison.
type race struct {
	b      *testing.B
	folder string // of everything
	from   string // what is kept
	store  *bench

	to      string // where it is unpacked
	folders int    // how many such there were
}

func (r *race) saveWithTar() {
	shell(r.b, `tar -cf - -C "$1" . | zstd -1 -q -c >"$2"`, r.from, filepath.Join(r.folder, "tar.zst"))
}

func (r *race) restoreWithTar() {
	shell(r.b, `zstd -dqc "$1" | tar -xf - -C "$2"`, filepath.Join(r.folder, "tar.zst"), r.to)
}

// fresh makes another folder to unpack to. None is removed before the end: ext4
// is slow for minutes to make files where many were deleted.
func (r *race) fresh() {
	r.folders++
	r.to = filepath.Join(r.folder, fmt.Sprintf("to-%d", r.folders))
	must(r.b, os.Mkdir(r.to, 0o755))
}

// step is the Store of one step.
func (r *race) step() *Store { return r.store.WithNote(func(string, ...any) {}, 0) }

func (r *race) save() {
	w, err := r.step().Create(r.b.Context(), core.ArchiveWorkspace, 1, "")
	must(r.b, err)
	defer w.Abort()
	must(r.b, tree.Pack(r.b.Context(), w, []tree.Root{{Path: r.from}}, tree.PackOptions{}))
	_, err = w.Commit(r.b.Context(), 0, nil)
	must(r.b, err)
}

func (r *race) restore() {
	in, err := r.step().Open(r.b.Context(), r.store.last().Found())
	must(r.b, err)
	defer in.Close()
	must(r.b, tree.Unpack(r.b.Context(), in, tree.UnpackOptions{Root: r.to}))
}

// newRace fills the folder that is kept.
func newRace(b *testing.B, fill func(b *testing.B, root string)) *race {
	r := &race{b: b, folder: b.TempDir(), store: newBench(b, Config{})}
	r.store.server.Objects.Dir = filepath.Join(r.folder, "objects")
	must(b, os.Mkdir(r.store.server.Objects.Dir, 0o755))
	r.from = filepath.Join(r.folder, "from")
	must(b, os.Mkdir(r.from, 0o755))
	fill(b, r.from)
	return r
}

// rounds is how often each is done in one iteration.
const rounds = 3

// BenchmarkArchive keeps a folder in an object store on this disk, through HTTP,
// and brings it back; and does the same with tar and zstd -1 and a file. The
// metrics are how many times as fast that is, of the best of rounds in turn, by
// the clock and by the time of processors, which includes the store's.
func BenchmarkArchive(b *testing.B) {
	for name, fill := range map[string]func(*testing.B, string){
		"mixed-1GiB": func(b *testing.B, root string) { mixed(b, root, 1<<30) },
		"small-100k": func(b *testing.B, root string) { manySmall(b, root, 100_000, 6200) },
	} {
		b.Run(name, func(b *testing.B) {
			r := newRace(b, fill)
			best := map[string]cost{}
			run := func(what string, f func()) {
				r.fresh()
				c, known := measure(f), best[what]
				b.Logf("%s: %v, of processors %v", what, c.wall, c.cpu)
				if known.wall == 0 {
					known = c
				}
				best[what] = cost{min(known.wall, c.wall), min(known.cpu, c.cpu)}
			}
			for range b.N {
				for range rounds {
					run("tar save", r.saveWithTar)
					run("save", r.save)
					run("tar restore", r.restoreWithTar)
					run("restore", r.restore)
				}
			}
			b.ReportMetric(0, "ns/op")
			for _, what := range []string{"save", "restore"} {
				theirs, ours := best["tar "+what], best[what]
				b.ReportMetric(theirs.wall.Seconds()/ours.wall.Seconds(), "x-"+what)
				b.ReportMetric(theirs.cpu.Seconds()/ours.cpu.Seconds(), "x-cpu-"+what)
			}
		})
	}
}

// millionVariable asks for BenchmarkMillion, which needs 9 GiB of disk and minutes.
const millionVariable = "MUSTER_BENCH_MILLION"

// BenchmarkMillion keeps a million files of some hundred bytes in 50,000 folders
// and brings them back, once. It tells how long that takes, and how much memory of
// this process, which has the object store in it; and the same for a tenth of the
// files, because memory must not grow with their number, and for few large ones
// that have more bytes.
func BenchmarkMillion(b *testing.B) {
	if os.Getenv(millionVariable) == "" {
		b.Skip("a million files take 9 GiB of disk: set " + millionVariable + "=1")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(50)) // as the agent has it
	for _, kept := range []struct {
		name string
		fill func(b *testing.B, root string)
	}{
		{"mixed-1GiB", func(b *testing.B, root string) { mixed(b, root, 1<<30) }},
		{"100k", func(b *testing.B, root string) { manySmall(b, root, 100_000, 1200) }},
		{"1M", func(b *testing.B, root string) { manySmall(b, root, 1_000_000, 1200) }},
	} {
		b.Run(kept.name, func(b *testing.B) {
			r := newRace(b, kept.fill)
			r.fresh()
			for b.Loop() {
				for _, step := range []struct {
					name string
					do   func()
				}{{"save", r.save}, {"restore", r.restore}} {
					testx.ForgetPeak()
					floor := testx.PeakMemory()
					c := measure(step.do)
					b.ReportMetric(c.wall.Seconds(), step.name+"-s")
					b.ReportMetric(float64(testx.PeakMemory()-floor)/(1<<20), step.name+"-MiB")
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
