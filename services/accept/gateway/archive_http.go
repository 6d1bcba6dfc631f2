// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// artifactPath is where an artifact is served, as CircleCI's addresses are.
const artifactPath = "/output/job/:id/artifacts/:index/*path"

func (s *Service) archiveEndpoints() []endpoint {
	caches := own + "/project" + slugPath + "/caches"
	file := endpoint{
		method: http.MethodGet, path: artifactPath, summary: "Get an artifact", status: 200,
		headers: []string{"Range", "If-None-Match", "If-Range"}, media: mediaAny, raw: s.serveArtifact,
	}
	head := file
	head.method, head.summary = http.MethodHead, "Get the size and the digest of an artifact"
	return []endpoint{
		{method: http.MethodGet, path: v2 + "/project" + slugPath + "/:number/artifacts", summary: "List a job's artifacts", status: 200, query: []string{"page-token"}, out: api.List[api.Artifact]{}, serve: s.jobArtifacts},
		file, head,
		{method: http.MethodGet, path: caches, summary: "List a project's caches, newest first", status: 200, query: []string{"prefix", "page-token"}, out: api.List[api.Cache]{}, serve: s.projectCaches},
		{method: http.MethodDelete, path: caches, summary: "Clear a project's caches whose keys begin with a prefix", status: 200, query: []string{"prefix"}, out: api.CachesCleared{}, serve: s.clearCaches},
	}
}

// jobArtifacts answers GET /project/{slug}/{job-number}/artifacts.
func (s *Service) jobArtifacts(r *request) (any, error) {
	job, _, err := s.job(r)
	if err != nil {
		return nil, err
	}
	list, err := s.deps.Peers.Archives.ListArtifacts(r.ctx(), core.ArtifactQuery{Job: job.ID, Page: r.page()})
	if err != nil {
		return nil, err
	}
	items := make([]api.Artifact, len(list.Items))
	for i, f := range list.Items {
		items[i] = api.Artifact{Path: f.Path, NodeIndex: f.Index, URL: s.artifactURL(f)}
	}
	return api.NewList(items, list.Next), nil
}

// artifactURL escapes each part of the path by itself, so that its slashes stay.
func (s *Service) artifactURL(f core.Artifact) string {
	parts := strings.Split(f.Path, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return s.url + strings.NewReplacer(":id", url.PathEscape(string(f.Job)), ":index", strconv.Itoa(f.Index), "*path", strings.Join(parts, "/")).Replace(artifactPath)
}

// projectCaches answers GET .../caches.
func (s *Service) projectCaches(r *request) (any, error) {
	project, err := r.project()
	if err != nil {
		return nil, err
	}
	list, err := s.deps.Peers.Archives.ListCaches(r.ctx(), core.CacheQuery{Project: project.ID, Prefix: r.query("prefix"), Page: r.page()})
	if err != nil {
		return nil, err
	}
	items := make([]api.Cache, len(list.Items))
	for i, c := range list.Items {
		items[i] = api.Cache{ID: string(c.ID), Key: c.Key, Fork: c.Fork, Ref: c.Ref, JobID: string(c.Job), Size: c.Size, CreatedAt: c.At}
		if !c.ExpiresAt.IsZero() {
			items[i].ExpiresAt = &c.ExpiresAt
		}
	}
	return api.NewList(items, list.Next), nil
}

// clearCaches answers DELETE .../caches.
func (s *Service) clearCaches(r *request) (any, error) {
	project, err := r.project()
	if err != nil {
		return nil, err
	}
	prefix := r.query("prefix")
	n, err := s.deps.Peers.Archives.ClearCaches(r.ctx(), core.CacheQuery{Project: project.ID, Prefix: prefix})
	if err != nil {
		return nil, err
	}
	s.deps.Logger.Info("caches cleared", "project_id", project.ID, "prefix", prefix, "caches", n, "user_id", r.user.ID)
	return api.CachesCleared{Cleared: n}, nil
}
