// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"io"

	"github.com/muster-ci/muster/core"
)

// Archives is a client of core.Archives.
type Archives struct{ caller *Caller }

// NewArchives returns a client that calls through c.
func NewArchives(c *Caller) *Archives { return &Archives{c} }

var _ core.Archives = (*Archives)(nil)

// ListArtifacts implements core.Archives.
func (r *Archives) ListArtifacts(ctx context.Context, q core.ArtifactQuery) (core.ArtifactList, error) {
	return call[core.ArtifactList](ctx, r.caller, "list-artifacts", q)
}

// Artifact implements core.Archives.
func (r *Archives) Artifact(ctx context.Context, want core.ArtifactRange) (core.Artifact, error) {
	return call[core.Artifact](ctx, r.caller, "artifact", want)
}

// ReadArtifact implements core.Archives. Only ctx bounds its time.
func (r *Archives) ReadArtifact(ctx context.Context, want core.ArtifactRange) (io.ReadCloser, error) {
	return r.open(ctx, "read-artifact", want)
}

// ListCaches implements core.Archives.
func (r *Archives) ListCaches(ctx context.Context, q core.CacheQuery) (core.CacheList, error) {
	return call[core.CacheList](ctx, r.caller, "list-caches", q)
}

// ClearCaches implements core.Archives.
func (r *Archives) ClearCaches(ctx context.Context, q core.CacheQuery) (int, error) {
	return call[int](ctx, r.caller, "clear-caches", q)
}

// OpenArchive implements core.Archives. Only ctx bounds its time.
func (r *Archives) OpenArchive(ctx context.Context, id core.ArchiveID) (io.ReadCloser, error) {
	return r.open(ctx, "open-archive", id)
}

func (r *Archives) open(ctx context.Context, method string, in any) (io.ReadCloser, error) {
	response, err := r.caller.post(ctx, method, in)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}
