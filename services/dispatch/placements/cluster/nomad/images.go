// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/distribution/reference"
	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/registry"
)

// Images tells what registries know of images; *registry.Inspector does.
type Images interface {
	// Facts never fails, and takes no longer than a job can wait.
	Facts(ctx context.Context, image string, login *registry.Login) registry.Facts
}

// metaImages is the key of a Nomad job's metadata with what was known of its
// images, so that any instance of placements, after any restart, tells the agent
// the same. Builds may read it.
const metaImages = "muster_images"

// maxMeta bounds it.
const maxMeta = 4 << 10

// imagesMeta is its JSON.
type imagesMeta struct {
	Images     []imageMeta `json:"images"` // by their places
	Entrypoint []string    `json:"entrypoint,omitempty"`
}

type imageMeta struct {
	Image   string `json:"image"`
	Digest  string `json:"digest,omitempty"`
	Size    int64  `json:"size,omitempty"`
	Unknown string `json:"unknown,omitempty"`
}

// inspect asks the registries about the images of a docker job, all at once. It
// names those whose digest is known by that in the placement, so that all tasks
// run what people are shown, and returns what is to be remembered, nil for
// nothing.
func (c *Cluster) inspect(ctx context.Context, p *cluster.Placement) *imagesMeta {
	if c.deps.Images == nil || p.Attempt.Executor != core.ExecutorDocker {
		return nil
	}
	images := slices.Clone(p.Spec.Plan.Executor.Images)
	facts := make([]registry.Facts, len(images))
	var group sync.WaitGroup
	for i := range images {
		group.Go(func() { facts[i] = c.deps.Images.Facts(ctx, images[i].Image, p.Login(i)) })
	}
	group.Wait()
	meta := &imagesMeta{}
	for i, f := range facts {
		if i == 0 && f.Config != nil {
			meta.Entrypoint = cluster.Entrypoint(images[0], cluster.ImageConfig(*f.Config))
		}
		meta.Images = append(meta.Images, imageMeta{Image: images[i].Image, Digest: f.Digest, Size: f.Size, Unknown: f.Unknown})
		images[i].Image = pinned(images[i].Image, f.Digest)
	}
	p.Spec.Plan.Executor.Images = images
	return meta
}

// pinned names an image by its digest, and as before where there is none. The
// tag goes: the docker driver leaves it out as well when it fetches.
func pinned(image, digest string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil || digest == "" {
		return image
	}
	return reference.FamiliarName(named) + "@" + digest
}

// remember puts what is known of the images into the job. An entrypoint that is
// too long for that is left out, and said to be.
func (c *Cluster) remember(job *api.Job, meta *imagesMeta) {
	if meta == nil {
		return
	}
	text, err := json.Marshal(meta)
	if err == nil && len(text) > maxMeta {
		c.deps.Logger.Warn("the entrypoint of an image is too long and does not run", "attempt_id", *job.ID, "image", meta.Images[0].Image)
		meta.Entrypoint = nil
		text, err = json.Marshal(meta)
	}
	if err == nil && len(text) <= maxMeta {
		job.SetMeta(metaImages, string(text))
	}
}

// recall adds to the containers what the job says of their images. A job that
// says nothing, or what cannot be read, adds nothing.
func recall(job *api.Job, found *cluster.Allocation) {
	var meta imagesMeta
	if text := job.Meta[metaImages]; text == "" || json.Unmarshal([]byte(text), &meta) != nil {
		return
	}
	found.Entrypoint = meta.Entrypoint
	for i := range found.Containers {
		c := &found.Containers[i]
		if c.Index < 0 || c.Index >= len(meta.Images) {
			continue
		}
		of := meta.Images[c.Index]
		c.Image, c.Digest, c.Size, c.Compressed, c.Unknown = of.Image, of.Digest, of.Size, of.Size > 0, of.Unknown
	}
}
