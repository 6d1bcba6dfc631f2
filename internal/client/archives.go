// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/muster-ci/muster/internal/api"
)

// maxPages bounds how long a list is read.
const maxPages = 10_000

// Artifacts returns all that a job kept.
func (c *Client) Artifacts(ctx context.Context, slug string, number int64) ([]api.Artifact, error) {
	return all[api.Artifact](ctx, c, fmt.Sprintf("%s/project/%s/%d/artifacts", v2, slug, number), maxPages)
}

// DownloadArtifact copies an artifact to w and checks its digest; when that does
// not fit it is an error, whatever was written by then. It is asked for at this
// installation, whatever the host in its address, so that a token stays here.
func (c *Client) DownloadArtifact(ctx context.Context, a api.Artifact, w io.Writer) (int64, error) {
	at := strings.Index(a.URL, "/output/job/")
	if at < 0 {
		return 0, fmt.Errorf("%q is not the address of an artifact", a.URL)
	}
	response, err := c.send(ctx, http.MethodGet, a.URL[at:], nil)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), response.Body)
	if err != nil {
		return n, fmt.Errorf("downloading %s: %w", a.Path, err)
	}
	if want := strings.Trim(response.Header.Get("ETag"), `"`); want != hex.EncodeToString(sum.Sum(nil)) {
		return n, fmt.Errorf("downloading %s: what came is not what the job kept; try again", a.Path)
	}
	return n, nil
}

// Caches returns a project's caches whose keys begin with a prefix.
func (c *Client) Caches(ctx context.Context, slug, prefix string) ([]api.Cache, error) {
	return allOf[api.Cache](ctx, c, own+"/project/"+slug+"/caches", prefixQuery(prefix), maxPages)
}

// ClearCaches forgets a project's caches whose keys begin with a prefix.
func (c *Client) ClearCaches(ctx context.Context, slug, prefix string) (api.CachesCleared, error) {
	return call[api.CachesCleared](ctx, c, http.MethodDelete, own+"/project/"+slug+"/caches?"+prefixQuery(prefix).Encode(), nil)
}

func prefixQuery(prefix string) url.Values {
	if prefix == "" {
		return url.Values{}
	}
	return url.Values{"prefix": {prefix}}
}
