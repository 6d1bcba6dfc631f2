// SPDX-License-Identifier: MPL-2.0

package gatewaytest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/core"
)

// File is an artifact of whatever job is asked for.
type File struct {
	Index   int
	Path    string
	Content string
}

func (f File) artifact(job core.JobID) core.Artifact {
	sum := sha256.Sum256([]byte(f.Content))
	return core.Artifact{Job: job, Index: f.Index, Path: f.Path, Size: int64(len(f.Content)), SHA256: hex.EncodeToString(sum[:])}
}

// ListArtifacts implements core.Archives, with pages of two.
func (p *Platform) ListArtifacts(_ context.Context, q core.ArtifactQuery) (core.ArtifactList, error) {
	defer p.lock("ListArtifacts")()
	var list core.ArtifactList
	at, _ := strconv.Atoi(q.Page.Token)
	for i := at; i < len(p.Files); i++ {
		if len(list.Items) == 2 {
			list.Next = strconv.Itoa(i)
			break
		}
		list.Items = append(list.Items, p.Files[i].artifact(q.Job))
	}
	return list, p.check("ListArtifacts")
}

func (p *Platform) file(r core.ArtifactRange) (File, error) {
	for _, f := range p.Files {
		if f.Index == r.Index && f.Path == r.Path {
			return f, nil
		}
	}
	return File{}, core.Errorf(core.CodeNotFound, "There is no such artifact.")
}

// Artifact implements core.Archives.
func (p *Platform) Artifact(_ context.Context, r core.ArtifactRange) (core.Artifact, error) {
	defer p.lock("Artifact")()
	f, err := p.file(r)
	return f.artifact(r.Job), err
}

// ReadArtifact implements core.Archives.
func (p *Platform) ReadArtifact(_ context.Context, r core.ArtifactRange) (io.ReadCloser, error) {
	defer p.lock("ReadArtifact")()
	f, err := p.file(r)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(strings.NewReader(f.Content[r.Offset : r.Offset+r.Length])), p.check("ReadArtifact")
}

// ListCaches implements core.Archives, in one page.
func (p *Platform) ListCaches(_ context.Context, q core.CacheQuery) (core.CacheList, error) {
	defer p.lock("ListCaches")()
	var list core.CacheList
	for _, c := range p.Caches {
		if strings.HasPrefix(c.Key, q.Prefix) {
			list.Items = append(list.Items, c)
		}
	}
	return list, nil
}

// ClearCaches implements core.Archives.
func (p *Platform) ClearCaches(_ context.Context, q core.CacheQuery) (int, error) {
	defer p.lock("ClearCaches")()
	before := len(p.Caches)
	p.Caches = slices.DeleteFunc(p.Caches, func(c core.Cache) bool { return strings.HasPrefix(c.Key, q.Prefix) })
	return before - len(p.Caches), nil
}

// OpenArchive implements core.Archives; the gateway never calls it.
func (p *Platform) OpenArchive(context.Context, core.ArchiveID) (io.ReadCloser, error) {
	return nil, core.Errorf(core.CodeNotFound, "There is no archive.")
}
