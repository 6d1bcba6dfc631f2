// SPDX-License-Identifier: MPL-2.0

package output

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/wire"
)

// serveContainers passes on to a running attempt what placements knows of the
// job's containers.
func (s *Service) serveContainers(c *gin.Context) {
	in, ok := s.runningSession(c)
	if !ok {
		return
	}
	containers, err := s.deps.Peers.Placements.Containers(c.Request.Context(), in.attempt)
	if err != nil {
		refuse(c, fmt.Errorf("asking for the containers: %w", err), nil)
		return
	}
	c.JSON(http.StatusOK, wire.Containers{Containers: containers})
}
