// SPDX-License-Identifier: MPL-2.0

package httpx

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
)

// StuckRoutes adds the routes of core.Stuck to those of a service with loops.
// They are the gateway's, which knows who is an administrator.
func StuckRoutes(r gin.IRouter, s core.Stuck) {
	gateway := Callers("gateway")
	r.POST("/list-stuck", gateway, Method(s.ListStuck))
	r.POST("/retry-stuck", gateway, Method(s.RetryStuck))
}
