// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hundredSecrets are what a project may have: tokens, keys, URLs, passwords with
// characters that every syntax escapes in its own way, and a key of many lines.
func hundredSecrets() []string {
	random := rand.New(rand.NewPCG(7, 7))
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[random.IntN(len(alphabet))]
		}
		return string(b)
	}
	var secrets []string
	for i := range 25 {
		secrets = append(secrets,
			"ghp_"+word(36),
			"AKIA"+strings.ToUpper(word(16)),
			fmt.Sprintf(`%s$"%s<&>'%s`, word(4), word(4+i), word(4)),
			fmt.Sprintf("postgres://user%d:%s@db.internal:5432/app", i, word(20)))
	}
	pem := "-----BEGIN PRIVATE KEY-----\n"
	for range 25 {
		pem += word(64) + "\n"
	}
	secrets[len(secrets)-1] = pem + "-----END PRIVATE KEY-----\n"
	return secrets
}

// ordinaryText is what builds print.
func ordinaryText(size int, newline string) string {
	random := rand.New(rand.NewPCG(3, 4))
	lines := []string{
		"=== RUN   TestHandlerReturnsNotFound/with_a_missing_project",
		"--- PASS: TestHandlerReturnsNotFound (0.00s)",
		"go: downloading github.com/klauspost/compress v1.20.3",
		"  CC      drivers/net/ethernet/intel/e1000e/netdev.o",
		"[INFO] Compiling 214 source files to /home/circleci/project/target/classes",
		"npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.",
		"\x1b[32m\u2713\x1b[0m renders the list of pipelines (43 ms)",
		"2026-08-21T10:11:12.131Z DEBUG request finished method=GET path=/api/v2/me status=200 took=1.2ms",
		"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08: Pull complete",
	}
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(lines[random.IntN(len(lines))])
		b.WriteString(newline)
	}
	return b.String()[:size]
}

// hostileText is made of beginnings of secrets, so that a search is misled at
// nearly every byte.
func hostileText(size int, secrets []string) string {
	random := rand.New(rand.NewPCG(5, 6))
	var b strings.Builder
	for b.Len() < size {
		s := secrets[random.IntN(len(secrets))]
		b.WriteString(s[:min(64, len(s)-1-random.IntN(3))])
		if random.IntN(50) == 0 {
			b.WriteString(s)
		}
	}
	return b.String()[:size]
}

// BenchmarkMask runs each text through a Writer that looks for the secrets in all
// their variants, and reports how many times faster that is than
// strings.NewReplacer on the secrets alone (x-replacer) and on the same patterns
// (x-replacer-all), and how many those are. The
// ratios are of processor time, best of several rounds in turn, since the
// machine may be shared.
func BenchmarkMask(b *testing.B) {
	const size = 1 << 20
	secrets := hundredSecrets()
	set := NewSet(secrets...)
	var raw, all []string
	for _, s := range secrets {
		raw = append(raw, s, Mark)
	}
	for p := range set.patterns {
		all = append(all, p, Mark)
	}
	texts := map[string]string{
		"ordinary": ordinaryText(size, "\n"),
		"crlf":     ordinaryText(size, "\r\n"),
		"hostile":  hostileText(size, secrets),
	}
	for _, name := range []string{"ordinary", "crlf", "hostile"} {
		text := []byte(texts[name])
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			ours := writeAll(set.Writer(io.Discard), text)
			for b.Loop() {
				ours()
			}
			times := bestTimes(ours, replaceAll(raw, texts[name]), replaceAll(all, texts[name]))
			b.ReportMetric(times[1]/times[0], "x-replacer")
			b.ReportMetric(times[2]/times[0], "x-replacer-all")
			b.ReportMetric(float64(len(set.patterns)), "patterns")
		})
	}
}

// writeAll writes text in the pieces in which it is read from a pipe.
func writeAll(w *Writer, text []byte) func() {
	return func() {
		for rest := text; len(rest) > 0; {
			n := min(32<<10, len(rest))
			w.Write(rest[:n])
			rest = rest[n:]
		}
	}
}

func replaceAll(pairs []string, text string) func() {
	r := strings.NewReplacer(pairs...)
	return func() { r.WriteString(io.Discard, text) }
}

// bestTimes returns the least processor time of each function, in seconds.
func bestTimes(functions ...func()) []float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	best := make([]float64, len(functions))
	for round := range 20 {
		for i, f := range functions {
			before := threadTime()
			f()
			if took := threadTime() - before; round == 0 || took < best[i] {
				best[i] = took
			}
		}
	}
	return best
}

func threadTime() float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err) // every Linux has it
	}
	return float64(t.Nano()) / 1e9
}
