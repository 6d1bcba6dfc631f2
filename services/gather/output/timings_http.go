// SPDX-License-Identifier: MPL-2.0

package output

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// serveTimings answers a running attempt with what its job was told of how long
// tests take.
func (s *Service) serveTimings(c *gin.Context) {
	in, ok := s.runningSession(c)
	if !ok {
		return
	}
	var request wire.TimingsRequest
	if err := readJSON(c, smallCall, &request); err != nil {
		refuse(c, err, nil)
		return
	}
	packed, err := s.timings(c.Request.Context(), in.attempt, request.By)
	if err != nil {
		refuse(c, err, nil)
		return
	}
	c.Header("Cache-Control", "no-store")
	c.Header("Vary", "Accept-Encoding")
	if strings.Contains(c.GetHeader("Accept-Encoding"), "zstd") {
		c.Header("Content-Encoding", "zstd")
		c.Data(http.StatusOK, "application/json; charset=utf-8", packed)
		return
	}
	text, err := unfolds.DecodeAll(packed, nil)
	if err != nil {
		refuse(c, core.Errorf(core.CodeInternal, "unpacking the timings of a job: %w", err), nil)
		return
	}
	c.Data(http.StatusOK, "application/json; charset=utf-8", text)
}
