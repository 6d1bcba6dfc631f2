// SPDX-License-Identifier: MPL-2.0

package output

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/httpx"
)

// serveSteps answers with lines of JSON, one for each call of tell.
func (s *Service) serveSteps(c *gin.Context) {
	var id core.PipelineID
	if err := readJSON(c, smallCall, &id); err != nil {
		httpx.Fail(c, err)
		return
	}
	c.Header("Content-Type", "application/x-ndjson")
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
	lines, control := json.NewEncoder(httpx.Patient(c.Writer)), http.NewResponseController(c.Writer)
	err := s.FollowSteps(c.Request.Context(), id, func(changed []core.AttemptSteps) error {
		if err := lines.Encode(changed); err != nil {
			return err
		}
		return control.Flush()
	})
	if err != nil {
		s.abort(c, err)
	}
}
