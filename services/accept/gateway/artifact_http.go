// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/httpx"
)

// mediaFile is the type of what nothing is known of, and mediaAny stands for all
// types in the API's description.
const (
	mediaFile = "application/octet-stream"
	mediaAny  = "*/*"
)

// inline are the types that a browser may show, by the ends of their names. None
// of them can run a script; everything else is handed to people as a download.
var inline = map[string]string{
	".txt": textPlain, ".log": textPlain, ".md": textPlain, ".out": textPlain, ".err": textPlain, ".yml": textPlain, ".yaml": textPlain,
	".csv": textPlain, ".tap": textPlain, ".json": "application/json", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
	".gif": "image/gif", ".webp": "image/webp", ".mp4": "video/mp4", ".webm": "video/webm",
}

const textPlain = "text/plain; charset=utf-8"

// wantedArtifact is the artifact in an address.
func wantedArtifact(r *request) (core.ArtifactRange, error) {
	id, err := r.id("id")
	if err != nil {
		return core.ArtifactRange{}, err
	}
	index, err := r.number("index")
	if err != nil {
		return core.ArtifactRange{}, err
	}
	name := strings.TrimPrefix(r.gin.Param("path"), "/")
	if name == "" || len(name) > maxArtifactPath {
		return core.ArtifactRange{}, core.Errorf(core.CodeNotFound, "There is no such artifact.")
	}
	return core.ArtifactRange{Job: core.JobID(id), Index: int(index), Path: name}, nil
}

// maxArtifactPath is the longest path that goes on to another service.
const maxArtifactPath = 4096

// serveArtifact answers GET and HEAD of an artifact: what a build wrote, in the
// form in which no browser takes it for a part of this site.
func (s *Service) serveArtifact(c *gin.Context) {
	r := s.request(c)
	want, err := wantedArtifact(r)
	if err != nil {
		fail(c, err)
		return
	}
	f, err := s.deps.Peers.Archives.Artifact(r.ctx(), want)
	if err != nil {
		fail(c, err)
		return
	}
	etag := `"` + f.SHA256 + `"`
	artifactHeaders(c.Writer.Header(), f.Path, etag)
	if matches(c.GetHeader("If-None-Match"), etag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return
	}
	if condition := c.GetHeader("If-Range"); condition != "" && condition != etag {
		c.Request.Header.Del("Range") // of another file: all of this one
	}
	first, length, partial, err := wantedRange(c, f.Size)
	if err != nil {
		refuseRange(c, err, f.Size)
		return
	}
	c.Header("Content-Length", strconv.FormatInt(length, 10))
	status := http.StatusOK
	if partial {
		status = http.StatusPartialContent
		c.Header("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, first+length-1, f.Size))
	}
	if c.Request.Method == http.MethodHead || length == 0 {
		c.Status(status)
		c.Writer.WriteHeaderNow()
		return
	}
	want.Offset, want.Length = first, length
	s.sendArtifact(c, want, status)
}

// artifactHeaders say what the file is, and what must not be done with it.
func artifactHeaders(h http.Header, name, etag string) {
	kind, shown := inline[strings.ToLower(path.Ext(name))]
	if !shown {
		kind = mediaFile
		// FormatMediaType encodes what a header cannot hold, and is empty for what
		// it cannot encode either.
		disposition := mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(name)})
		if disposition == "" {
			disposition = "attachment"
		}
		h.Set("Content-Disposition", disposition)
	}
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "private, no-cache") // kept by browsers, and asked for with its tag
	h.Set("Accept-Ranges", "bytes")
	h.Set("ETag", etag)
}

// matches tells whether a list of tags has one.
func matches(list, etag string) bool {
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}

func (s *Service) sendArtifact(c *gin.Context, want core.ArtifactRange, status int) {
	ctx := c.Request.Context()
	body, err := s.deps.Peers.Archives.ReadArtifact(ctx, want)
	if err != nil {
		for _, name := range []string{"Content-Type", "Content-Length", "Content-Range", "Content-Disposition", "Accept-Ranges", "ETag"} {
			c.Writer.Header().Del(name)
		}
		fail(c, err)
		return
	}
	defer body.Close()
	c.Status(status)
	if _, err := io.CopyN(httpx.Patient(c.Writer), body, want.Length); err != nil && ctx.Err() == nil {
		// As with output: only a connection that breaks says that this is not all.
		s.deps.Logger.Warn("an artifact could not be sent whole", "job_id", want.Job, "path", want.Path, "error", err)
		panic(http.ErrAbortHandler)
	}
}
