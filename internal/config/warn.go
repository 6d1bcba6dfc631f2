// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
)

// cacheUse remembers the cache keys of all steps that were read, those of parts
// that a condition switches off as well.
type cacheUse struct {
	saves    map[string]bool
	restores [][]*document.Node // keys of one step each
}

// maxCachePairs bounds the comparing of keys.
const maxCachePairs = 20_000

// saved notes the key of a save_cache step, and tells of one that cannot change:
// a cache is never replaced, so that the first one stays for good.
func (u *cacheUse) saved(c *compiler, key *document.Node) {
	if strings.TrimSpace(key.Text) == "" {
		return
	}
	if u.saves == nil {
		u.saves = map[string]bool{}
	}
	u.saves[key.Text] = true
	if key.Kind == document.String && !strings.Contains(key.Text, "{{") && !key.Derived {
		c.warn(key, "The cache key never changes, and a saved cache is never replaced: the first one stays for good",
			"add what the files depend on, for example {{ checksum \"package-lock.json\" }}")
	}
}

func (u *cacheUse) restored(keys []*document.Node) { u.restores = append(u.restores, keys) }

// warnUnsaved tells of restore_cache steps that no save_cache of the config
// makes a cache for.
func (c *compiler) warnUnsaved() {
	if len(c.caches.saves)*len(c.caches.restores) > maxCachePairs {
		return
	}
	for _, keys := range c.caches.restores {
		if len(keys) == 0 || c.caches.mayMatch(keys) {
			continue
		}
		way := "check the key's spelling: restore_cache takes a cache whose key begins with it"
		if len(c.caches.saves) == 0 {
			way = "add a save_cache step, or remove this one"
		}
		c.warn(keys[0], fmt.Sprintf("No save_cache step of this config makes a cache that %s finds", clip(keys[0].Text)), way)
	}
}

// mayMatch compares what stands before the first template of the keys: the
// rest is known at run time only.
func (u *cacheUse) mayMatch(keys []*document.Node) bool {
	for _, key := range keys {
		want, _, _ := strings.Cut(key.Text, "{{")
		for saved := range u.saves {
			have, _, template := strings.Cut(saved, "{{")
			if strings.HasPrefix(have, want) || template && strings.HasPrefix(want, have) {
				return true
			}
		}
	}
	return false
}

// warnNumber tells of a value without quotes that YAML takes for a number, and
// writes in another way than its author: 1.10 is 1.1, and 010 is 8. It is kept
// here as it was written.
func (c *compiler) warnNumber(n *document.Node) {
	leading := len(n.Text) > 1 && n.Text[0] == '0' && n.Text[1] >= '0' && n.Text[1] <= '9'
	trailing := n.Kind == document.Float && strings.Contains(n.Text, ".") && strings.HasSuffix(n.Text, "0") && !strings.HasSuffix(n.Text, ".0")
	if (n.Kind == document.Int || n.Kind == document.Float) && !n.Derived && (leading || trailing) {
		c.warn(n, fmt.Sprintf("YAML takes %s for a number, and CircleCI may write it in another way", clip(n.Text)), "put quotes around it: \""+clip(n.Text)+"\"")
	}
}

// warnShadow tells of a command that takes the name of a built-in step.
func (c *compiler) warnShadow(d *definition) {
	if builtinSteps[d.name] != nil || slices.Contains([]string{"steps", "unless", "when", "with_tool_cache"}, d.name) {
		c.warn(d.key, fmt.Sprintf("Command '%s' shadows built-in CircleCI command '%s'", d.name, d.name), "rename it, unless the steps of that name shall all call it")
	}
}
