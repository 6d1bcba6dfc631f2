// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
)

// maxBody is the most bytes of a JSON body; the largest is a config.
const maxBody = 4 << 20

// request is one request with what handlers need of it.
type request struct {
	gin  *gin.Context
	user core.User
	s    *Service
}

func (s *Service) request(c *gin.Context) *request {
	user, _ := c.Get(userKey)
	known, _ := user.(core.User)
	return &request{gin: c, user: known, s: s}
}

func (r *request) ctx() context.Context { return r.gin.Request.Context() }

func (r *request) query(name string) string { return r.gin.Query(name) }

// page is where a list begins; CircleCI's pages have one size.
func (r *request) page() core.Page { return core.Page{Token: r.query("page-token")} }

// id is a path parameter that names a thing. It is bounded here, since it goes
// on to other services.
func (r *request) id(name string) (string, error) {
	id := r.gin.Param(name)
	if len(id) > 64 {
		return "", core.Errorf(core.CodeNotFound, "There is no such %s.", name)
	}
	return id, nil
}

// number is a path parameter that counts.
func (r *request) number(name string) (int64, error) {
	n, err := strconv.ParseInt(r.gin.Param(name), 10, 63)
	if err != nil || n < 0 {
		return 0, core.Errorf(core.CodeInvalid, "%q is not a number; the address needs one there.", r.gin.Param(name))
	}
	return n, nil
}

// slug is the project slug in the address.
func (r *request) slug() (core.ProjectSlug, error) {
	return core.ParseProjectSlug(r.gin.Param("vcs") + "/" + r.gin.Param("org") + "/" + r.gin.Param("project"))
}

// project is the project in the address.
func (r *request) project() (core.Project, error) {
	slug, err := r.slug()
	if err != nil {
		return core.Project{}, err
	}
	return r.s.deps.Peers.Projects.ProjectBySlug(r.ctx(), slug)
}

// body reads one JSON object into v. Fields that are not known are ignored as
// CircleCI ignores them.
func (r *request) body(v any) error {
	// A client that sends its body drop by drop holds nothing up for long.
	control := http.NewResponseController(r.gin.Writer)
	_ = control.SetReadDeadline(time.Now().Add(r.s.cfg.timeout()))
	data, err := io.ReadAll(http.MaxBytesReader(r.gin.Writer, r.gin.Request.Body, maxBody))
	_ = control.SetReadDeadline(time.Time{})
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return core.Errorf(core.CodeInvalid, "The body has more than %d bytes.", tooLarge.Limit)
	}
	if err != nil {
		return core.Errorf(core.CodeInvalid, "The body could not be read to its end: %w", err)
	}
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return core.Errorf(core.CodeInvalid, "The body is not the JSON object that is expected here: %s", err)
	}
	return nil
}
