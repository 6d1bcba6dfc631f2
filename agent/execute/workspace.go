// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/muster-ci/muster/agent/archive"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/agent/tree"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// persist adds a layer to the workflow's workspace.
func (j *job) persist(ctx context.Context, plan core.PersistToWorkspaceStep, out *stream.StepWriter) (outcome, error) {
	k := j.keep(out, j.cfg.Keep.Patience)
	root := j.path(plan.Root, j.directory)
	info, err := os.Stat(root)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder", root)
	}
	if err != nil {
		return k.fail(ctx, "Error locating workspace root directory: %v", err)
	}
	names, err := k.matches(root, plan.Paths)
	if err != nil {
		return k.fail(ctx, "%v", err)
	}
	if len(names) == 0 {
		return k.fail(ctx, "The specified paths did not match any files in %s: %s", root, strings.Join(plan.Paths, ", "))
	}
	k.say("Creating workspace archive...")
	w, err := k.store.Create(ctx, core.ArchiveWorkspace, out.Number(), "")
	if err != nil {
		return k.fail(ctx, "Error persisting to the workspace: %v", err)
	}
	defer w.Abort()
	kept, count, err := k.pack(ctx, w, []tree.Root{{Path: root, Only: names}}, nil)
	if err != nil {
		return k.fail(ctx, "Error persisting to the workspace: %v", err)
	}
	k.say("Persisted %d files, %s\nTotal size uploaded: %s", count.Files.Load(), size(count.Bytes.Load()), size(kept.Stored))
	return k.success()
}

// matches returns what the globs match below root, without what lies in a
// folder that they match as well.
func (k *keeping) matches(root string, globs []string) ([]string, error) {
	var names []string
	for _, glob := range globs {
		clean := path.Clean(glob)
		if path.IsAbs(clean) {
			clean = strings.TrimPrefix(strings.TrimPrefix(clean, path.Clean(root)), "/")
		}
		if clean == "" {
			clean = "."
		}
		if !fs.ValidPath(clean) {
			return nil, fmt.Errorf("the path %q leads out of the workspace's root %s", glob, root)
		}
		found, err := fs.Glob(os.DirFS(root), clean)
		if err != nil {
			return nil, fmt.Errorf("the path %q cannot be read as a pattern: %w", glob, err)
		}
		if len(found) == 0 {
			found = k.dangling(root, clean)
		}
		if len(found) == 0 {
			k.say("Nothing matches %s", glob)
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		for dir := name; dir != "."; {
			dir = path.Dir(dir)
			if _, within := slices.BinarySearch(names, dir); within && dir != name {
				return true
			}
		}
		return false
	}), nil
}

// dangling finds a symbolic link that leads nowhere, which a glob does not.
func (k *keeping) dangling(root, name string) []string {
	if _, err := os.Lstat(path.Join(root, name)); err != nil {
		return nil
	}
	return []string{name}
}

// attach unpacks the layers of the jobs upstream, in order.
func (j *job) attach(ctx context.Context, plan core.AttachWorkspaceStep, out *stream.StepWriter) (outcome, error) {
	k := j.keep(out, j.cfg.Keep.Patience)
	at := j.path(plan.At, j.directory)
	layers, err := k.store.Find(ctx, wire.ArchiveFind{Kind: core.ArchiveWorkspace})
	if err != nil {
		return k.fail(ctx, "Error attaching the workspace: %v", err)
	}
	if err := os.MkdirAll(at, 0o755); err != nil {
		return k.fail(ctx, "Error attaching the workspace: %v", err)
	}
	if len(layers) == 0 {
		k.say("No job that this one comes after has persisted anything to the workspace.")
		return k.success()
	}
	k.say("Downloading workspace layers")
	for i := range layers {
		k.say("  %s - %s", layerName(&layers[i]), size(archive.StoredSize(layers[i].Parts)))
	}
	k.say("Applying workspace layers")
	if err := k.fitsAll(layers, at); err != nil {
		return k.fail(ctx, "Error attaching the workspace: %v", err)
	}
	owners := newOwners(layers)
	for i := range layers {
		k.say("  %s", layerName(&layers[i]))
		opts := tree.UnpackOptions{Root: at, Entry: func(name string) bool { return owners.claim(i, name) }}
		if err := k.unpack(ctx, layers[i], opts, at); err != nil {
			return k.fail(ctx, "Error applying workspace layer for job %s: %v", layerName(&layers[i]), err)
		}
		if conflicts := owners.report(); conflicts != "" {
			k.say("Concurrent upstream jobs persisted the same file(s) into the workspace:\n%s", conflicts)
			return k.fail(ctx, "Error applying workspace layer for job %s: Concurrent upstream jobs persisted the same file(s), such as %s", layerName(&layers[i]), owners.first())
		}
	}
	return k.success()
}

// fitsAll looks for room before anything is written, where nothing can be
// written over.
func (k *keeping) fitsAll(layers []wire.FoundArchive, at string) error {
	if there, err := os.ReadDir(at); err != nil || len(there) > 0 || len(layers) > 1 {
		return nil
	}
	return k.fits(layers[0].Plain, at)
}

// layerName names a layer's job, and its task where there are several.
func layerName(l *wire.FoundArchive) string {
	if l.Index > 0 {
		return fmt.Sprintf("%s (%d)", l.Job, l.Index)
	}
	return l.Job
}

// owners know which layer a file is of. A name is kept as a hash, since there
// may be a million, and only while a layer is to come that could collide.
type owners struct {
	layers    []wire.FoundArchive
	upstream  []map[int]bool
	last      int // the last layer that is not downstream of all before it
	files     map[[16]byte]int32
	conflicts []conflict
	more      int
}

type conflict struct {
	name          string
	first, second int
}

// shownConflicts is how many are listed.
const shownConflicts = 20

func newOwners(layers []wire.FoundArchive) *owners {
	o := &owners{layers: layers, last: -1, files: make(map[[16]byte]int32)}
	for i := range layers {
		above := make(map[int]bool)
		for _, j := range layers[i].Upstream {
			above[j] = true
		}
		o.upstream = append(o.upstream, above)
		if len(above) < i {
			o.last = i
		}
	}
	return o
}

// claim notes that a layer has a file, and tells whether it may write it: not
// when another, concurrent one has.
func (o *owners) claim(layer int, name string) bool {
	if layer > o.last {
		return true
	}
	sum := sha256.Sum256([]byte(name))
	key := [16]byte(sum[:])
	before, known := o.files[key]
	o.files[key] = int32(layer)
	if !known || int(before) == layer || o.upstream[layer][int(before)] {
		return true
	}
	if len(o.conflicts) < shownConflicts {
		o.conflicts = append(o.conflicts, conflict{name, int(before), layer})
	} else {
		o.more++
	}
	return false
}

func (o *owners) report() string {
	var lines []string
	for i := range o.conflicts {
		c := &o.conflicts[i]
		lines = append(lines, fmt.Sprintf("  - %s (%s and %s)", c.name, layerName(&o.layers[c.first]), layerName(&o.layers[c.second])))
	}
	if o.more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", o.more))
	}
	return strings.Join(lines, "\n")
}

func (o *owners) first() string {
	c := &o.conflicts[0]
	return fmt.Sprintf("%s of the jobs %s and %s", c.name, layerName(&o.layers[c.first]), layerName(&o.layers[c.second]))
}
