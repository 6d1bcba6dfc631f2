// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// serveOpenAPI answers GET /openapi.json.
func (s *Service) serveOpenAPI(c *gin.Context) {
	c.Data(http.StatusOK, "application/json", s.openAPI)
}
