// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// urlLife is how long a signed URL works: a part goes through a slow line in
// that time, and whoever needs longer asks again.
const urlLife = 15 * time.Minute

// Upload signs URLs for parts of an open archive of the attempt's own.
func (s *Archives) Upload(ctx context.Context, attempt core.AttemptID, in wire.ArchiveUpload) (wire.ArchiveURLs, error) {
	r, err := s.own(ctx, attempt, in.ID)
	if err != nil {
		return wire.ArchiveURLs{}, err
	}
	if r.State != stateOpen {
		return wire.ArchiveURLs{}, core.Errorf(core.CodeConflict, "archive %s is committed; nothing can be added to it", r.ID)
	}
	return s.sign(ctx, r, http.MethodPut, in.Parts, wire.MaxArchiveParts)
}

// Download signs URLs for parts of an archive that the attempt may read.
func (s *Archives) Download(ctx context.Context, attempt core.AttemptID, in wire.ArchiveDownload) (wire.ArchiveURLs, error) {
	who, err := s.scope(ctx, attempt)
	if err != nil {
		return wire.ArchiveURLs{}, err
	}
	r, err := s.row(ctx, in.ID)
	if err != nil {
		return wire.ArchiveURLs{}, err
	}
	if r.CommittedAt.IsZero() || !who.mayRead(r) {
		return wire.ArchiveURLs{}, gone(in.ID)
	}
	var bytes int // of the column: its parts may be many, and are not needed
	if err := s.deps.DB.NewSelect().Model((*row)(nil)).ColumnExpr("length(parts)").Where("r.id = ?", r.ID).Scan(ctx, &bytes); err != nil {
		return wire.ArchiveURLs{}, fmt.Errorf("counting the archive's parts: %w", err)
	}
	return s.sign(ctx, r, http.MethodGet, in.Parts, bytes/partSize)
}

// mayRead tells whether a committed archive is for a task of this scope: a cache
// of its project that it may restore, or a layer of a job upstream.
func (w scope) mayRead(r *row) bool {
	switch r.Kind {
	case core.ArchiveCache:
		return r.Project == w.Project && slices.Contains(w.owners(), r.Fork)
	case core.ArchiveWorkspace:
		return r.Project == w.Project && slices.ContainsFunc(w.Upstream, func(u core.UpstreamJob) bool { return u.Job == r.Job })
	case core.ArchiveArtifacts, core.ArchiveTestResults:
	}
	return false
}

// own reads an archive of the attempt's own.
func (s *Archives) own(ctx context.Context, attempt core.AttemptID, id core.ArchiveID) (*row, error) {
	r, err := s.row(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.Attempt != attempt || r.State == stateRemoved {
		return nil, gone(id)
	}
	return r, nil
}

func (s *Archives) sign(ctx context.Context, r *row, method string, parts []int, count int) (wire.ArchiveURLs, error) {
	if len(parts) == 0 || len(parts) > wire.MaxArchiveURLs {
		return wire.ArchiveURLs{}, core.Errorf(core.CodeInvalid, "URLs for %d parts were asked for; ask for 1 to %d at a time", len(parts), wire.MaxArchiveURLs)
	}
	out := wire.ArchiveURLs{URLs: make([]string, len(parts)), Seconds: int(urlLife / time.Second)}
	for i, part := range parts {
		if part < 0 || part >= count {
			return wire.ArchiveURLs{}, core.Errorf(core.CodeInvalid, "there is no part %d: the archive has %d at most", part, count)
		}
		url, err := s.deps.Objects.SignedURL(ctx, r.object(part), method, urlLife)
		if err != nil {
			return wire.ArchiveURLs{}, err
		}
		out.URLs[i] = url
	}
	return out, nil
}
