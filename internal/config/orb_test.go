// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/muster-ci/muster/core"
)

// registry is an orb registry of texts by exact reference, "acme/go@1.2.3" or a
// URL.
type registry struct {
	mu      sync.Mutex
	sources map[string]string
	digests map[string]string // by text
	asked   []core.ResolveOrbRequest
	err     error
}

// testOrbs is the registry of testdata/orbs: namespace/orb@version.yml, and
// what URLs hold below https/.
var testOrbs = sync.OnceValue(func() *registry {
	r := &registry{sources: map[string]string{}}
	top := filepath.Join("testdata", "orbs")
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(top, path)
		name = strings.TrimSuffix(filepath.ToSlash(name), ".yml")
		if rest, ok := strings.CutPrefix(name, "https/"); ok {
			name = "https://" + rest + ".yml"
		}
		r.sources[strings.Replace(name, "@dev-", "@dev:", 1)] = string(text)
		return err
	})
	if err != nil {
		panic(err)
	}
	return r
})

func sourceDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// digest computes each digest once, as a registry does that stores them.
func (r *registry) digest(text string) string {
	if r.digests == nil {
		r.digests = map[string]string{}
	}
	if r.digests[text] == "" {
		r.digests[text] = sourceDigest(text)
	}
	return r.digests[text]
}

func (r *registry) ResolveOrb(_ context.Context, request core.ResolveOrbRequest) (core.ResolvedOrb, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, request)
	if r.err != nil {
		return core.ResolvedOrb{}, r.err
	}
	name := request.Ref
	if request.Digest != "" {
		for exact, text := range r.sources {
			if sourceDigest(text) == request.Digest {
				name = exact
			}
		}
	}
	text, ok := r.sources[name]
	if orb, version, found := strings.Cut(name, "@"); !ok && found {
		version = r.highest(orb, version)
		name = orb + "@" + version
		text, ok = r.sources[name]
	}
	switch {
	case strings.HasPrefix(name, "https://forbidden."):
		return core.ResolvedOrb{}, core.Errorf(core.CodeForbidden, "no prefix of the organization's list of URL orbs allows it")
	case !ok:
		return core.ResolvedOrb{}, core.Errorf(core.CodeNotFound, "")
	}
	_, version, _ := strings.Cut(name, "@")
	return core.ResolvedOrb{LockedOrb: core.LockedOrb{Ref: request.Ref, Version: version, Digest: r.digest(text)}, Source: text}, nil
}

// highest returns the highest version that a shortened one stands for.
func (r *registry) highest(orb, version string) string {
	best := ""
	for name := range r.sources {
		v, ok := strings.CutPrefix(name, orb+"@")
		if !ok || strings.HasPrefix(v, "dev:") || version != "volatile" && !strings.HasPrefix(v, version+".") {
			continue
		}
		if best == "" || slices.Compare(numbers(best), numbers(v)) < 0 {
			best = v
		}
	}
	return best
}

func numbers(version string) []int {
	var list []int
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part)
		list = append(list, n)
	}
	return list
}
