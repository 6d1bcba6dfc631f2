// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// The keys of the steps that keep and bring back files.
var (
	saveCacheKeys          = keySet{permitted: []string{"key", "name", "paths", "when"}, required: []string{"key", "paths"}}
	restoreCacheKeys       = keySet{permitted: []string{"key", "keys", "name", "when"}}
	storeArtifactsKeys     = keySet{permitted: []string{"destination", "name", "path", "when"}, required: []string{"path"}}
	storeTestResultsKeys   = keySet{permitted: []string{"name", "path", "when"}, required: []string{"path"}}
	persistToWorkspaceKeys = keySet{permitted: []string{"name", "path", "paths", "root", "when"}, required: []string{"root"}}
	attachWorkspaceKeys    = keySet{permitted: []string{"at", "name", "when"}, required: []string{"at"}}
)

func (c *compiler) saveCache(n, place *document.Node) (core.StepPlan, bool) {
	if !c.options("save_cache", n, place, saveCacheKeys) {
		return core.StepPlan{}, false
	}
	step := &core.SaveCacheStep{Key: c.cacheKey(n.Get("key")), Paths: c.texts(n.Get("paths")), When: c.when(n)}
	c.warnGlobs(n.Get("paths"))
	c.caches.saved(c, n.Get("key"))
	return core.StepPlan{Kind: core.StepSaveCache, Name: c.title(n, usualNames[core.StepSaveCache]), SaveCache: step}, true
}

// restoreCache reads `key` and `keys`; `key` is tried first.
func (c *compiler) restoreCache(n, place *document.Node) (core.StepPlan, bool) {
	if !c.options("restore_cache", n, place, restoreCacheKeys) {
		return core.StepPlan{}, false
	}
	key, keys := n.Get("key"), n.Get("keys")
	if key == nil && keys == nil {
		at := n
		if at == nil {
			at = place
		}
		c.fail(at, "required key [keys] not found", "add keys:, a list of which the first one that matches a cache counts, or key:")
		return core.StepPlan{}, false
	}
	step := &core.RestoreCacheStep{}
	var nodes []*document.Node
	if key != nil {
		nodes = append(nodes, key)
	}
	if keys != nil && keys.Kind == document.List {
		nodes = append(nodes, keys.Items...)
	} else if keys != nil {
		nodes = append(nodes, keys)
	}
	if len(nodes) == 0 {
		c.fail(keys, "the list is empty", "list at least one key")
	}
	before := len(c.errors) + c.more
	for _, node := range nodes {
		if node.Derived && node.Kind == document.String && node.Text == "" && len(nodes) > 1 {
			continue // a section left nothing of it, as published orbs do it
		}
		step.Keys = append(step.Keys, c.cacheKey(node))
	}
	if len(c.errors)+c.more == before {
		c.caches.restored(nodes)
	}
	return core.StepPlan{Kind: core.StepRestoreCache, Name: c.title(n, usualNames[core.StepRestoreCache]), RestoreCache: step, When: c.when(n)}, true
}

func (c *compiler) storeArtifacts(n, place *document.Node) (core.StepPlan, bool) {
	if !c.options("store_artifacts", n, place, storeArtifactsKeys) {
		return core.StepPlan{}, false
	}
	step := &core.StoreArtifactsStep{Path: c.filled(n.Get("path")), Destination: c.text(n.Get("destination"))}
	return core.StepPlan{Kind: core.StepStoreArtifacts, Name: c.title(n, usualNames[core.StepStoreArtifacts]), StoreArtifacts: step, When: c.when(n)}, true
}

func (c *compiler) storeTestResults(n, place *document.Node) (core.StepPlan, bool) {
	if !c.options("store_test_results", n, place, storeTestResultsKeys) {
		return core.StepPlan{}, false
	}
	step := &core.StoreTestResultsStep{Path: c.filled(n.Get("path"))}
	return core.StepPlan{Kind: core.StepStoreTestResults, Name: c.title(n, usualNames[core.StepStoreTestResults]), StoreTestResults: step, When: c.when(n)}, true
}

// persistToWorkspace takes `path` for a list of one, as CircleCI does.
func (c *compiler) persistToWorkspace(n, place *document.Node) (core.StepPlan, bool) {
	if !c.options("persist_to_workspace", n, place, persistToWorkspaceKeys) {
		return core.StepPlan{}, false
	}
	paths := n.Get("paths")
	if paths == nil {
		paths = n.Get("path")
	}
	if paths == nil {
		c.fail(n, "required key [paths] not found", "add it here; the paths are relative to root and may hold * and ?")
		return core.StepPlan{}, false
	}
	step := &core.PersistToWorkspaceStep{Root: c.filled(n.Get("root")), Paths: c.texts(paths)}
	return core.StepPlan{Kind: core.StepPersistToWorkspace, Name: c.title(n, usualNames[core.StepPersistToWorkspace]), PersistToWorkspace: step, When: c.when(n)}, true
}

func (c *compiler) attachWorkspace(n, place *document.Node) (core.StepPlan, bool) {
	if !c.options("attach_workspace", n, place, attachWorkspaceKeys) {
		return core.StepPlan{}, false
	}
	step := &core.AttachWorkspaceStep{At: c.filled(n.Get("at"))}
	return core.StepPlan{Kind: core.StepAttachWorkspace, Name: c.title(n, usualNames[core.StepAttachWorkspace]), AttachWorkspace: step, When: c.when(n)}, true
}

// warnGlobs tells that save_cache takes a * for a part of a name.
func (c *compiler) warnGlobs(n *document.Node) {
	if n == nil {
		return
	}
	items := n.Items
	if n.Kind == document.String {
		items = []*document.Node{n}
	}
	for _, item := range items {
		if item.Kind == document.String && strings.ContainsAny(item.Text, "*?") {
			c.warn(item, "save_cache takes paths as they are: wildcards are not supported here", "name the folder that holds the files")
		}
	}
}
