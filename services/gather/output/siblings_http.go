// SPDX-License-Identifier: MPL-2.0

package output

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// serveSiblings asks workflows how the other tasks of a running attempt's job
// are. Which job that is comes from the claim.
func (s *Service) serveSiblings(c *gin.Context) {
	in, ok := s.runningSession(c)
	if !ok {
		return
	}
	var request wire.SiblingsRequest
	if err := readJSON(c, smallCall, &request); err != nil {
		refuse(c, err, nil)
		return
	}
	ctx := c.Request.Context()
	g, err := s.grant(ctx, in.attempt)
	if err != nil {
		refuse(c, err, nil)
		return
	}
	found, err := s.deps.Peers.Siblings.TaskSiblings(ctx, core.SiblingQuery{Task: g.Task, Known: clip(request.Known, 100), Wait: request.Wait})
	if core.ErrorCode(err) == core.CodeForbidden {
		// To an agent 403 says that all its work is over.
		err = &core.Error{Code: core.CodeInternal, Message: "output may not ask for the tasks of a job", Err: err}
	}
	if err != nil {
		refuse(c, fmt.Errorf("asking for the tasks of a job: %w", err), nil)
		return
	}
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, found)
}
