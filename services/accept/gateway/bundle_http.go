// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// uploadTimeout bounds an upload; one at the size limit over a slow line fits.
const uploadTimeout = 30 * time.Minute

var bundleKey = regexp.MustCompile(`^bundles/[0-9A-Za-z-]{1,64}/[0-9a-f]{64}\.bundle$`)

// bundlePrefix is where the bundles of a project are in the object store.
func bundlePrefix(id core.ProjectID) string { return "bundles/" + string(id) + "/" }

// uploadBundle answers PUT /project/{slug}/bundle. The key is the hash of the
// content, so an upload that is repeated is the same object. The hash is known
// only at the end, which is why the bundle waits in a file of its own until
// then.
func (s *Service) uploadBundle(c *gin.Context) {
	r := s.request(c)
	project, err := r.project()
	if err != nil {
		fail(c, err)
		return
	}
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(uploadTimeout))
	file, err := os.CreateTemp("", "muster-bundle-")
	if err != nil {
		fail(c, err)
		return
	}
	defer os.Remove(file.Name())
	defer file.Close()
	sum, size, err := s.receive(c, file)
	if err != nil {
		fail(c, err)
		return
	}
	key := bundlePrefix(project.ID) + sum + ".bundle"
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		fail(c, err)
		return
	}
	if err := s.deps.Bundles.Put(r.ctx(), key, file); err != nil {
		fail(c, err)
		return
	}
	c.JSON(http.StatusCreated, api.Bundle{Key: key, Size: size})
}

// receive copies the body into file and returns its hash and length.
func (s *Service) receive(c *gin.Context, file io.Writer) (sum string, size int64, err error) {
	body := bufio.NewReader(http.MaxBytesReader(c.Writer, c.Request.Body, s.cfg.MaxBundle))
	head, err := body.Peek(len("# v2 git bundle"))
	if err != nil || !strings.HasPrefix(string(head), "# v") || !strings.HasSuffix(string(head), "git bundle") {
		return "", 0, core.Errorf(core.CodeInvalid, "The body is not a git bundle; make one with `git bundle create <file> HEAD`.")
	}
	hash := sha256.New()
	size, err = io.Copy(io.MultiWriter(file, hash), body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return "", 0, core.Errorf(core.CodeInvalid, "The bundle has more than %d bytes, which is the limit here.", tooLarge.Limit)
	}
	if err != nil {
		return "", 0, core.Errorf(core.CodeInvalid, "The bundle did not arrive whole: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), size, nil
}
