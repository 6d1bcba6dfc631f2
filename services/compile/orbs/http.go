// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes mounts the service's API for other services.
func (s *Service) Routes(r gin.IRouter) {
	gateway := httpx.Callers("gateway")

	r.POST("/resolve-orb", httpx.Callers("configs", "gateway"), httpx.Method(s.ResolveOrb)) // a reference to its source
	r.POST("/create-namespace", gateway, httpx.Method(s.CreateNamespace))                   // the one of an organization
	r.POST("/namespace", gateway, httpx.Method(s.Namespace))                                // by its name or a former one
	r.POST("/rename-namespace", gateway, httpx.Method(s.RenameNamespace))                   // the old name goes on leading to it
	r.POST("/delete-namespace-alias", gateway, httpx.Action(s.DeleteNamespaceAlias))        // forgets a former name
	r.POST("/delete-namespace", gateway, httpx.Action(s.DeleteNamespace))                   // with all its orbs
	r.POST("/create-orb", gateway, httpx.Method(s.CreateOrb))                               // without a version yet
	r.POST("/orb", gateway, httpx.Method(s.Orb))                                            // by its full name
	r.POST("/list-orbs", gateway, httpx.Method(s.ListOrbs))                                 // a page, by full name
	r.POST("/change-orb", gateway, httpx.Method(s.ChangeOrb))                               // listed or not, categories
	r.POST("/orb-categories", gateway, httpx.Method(s.orbCategories))                       // that orbs may be put into
	r.POST("/publish-orb", gateway, httpx.Method(s.PublishOrb))                             // a dev or a released version
	r.POST("/promote-orb", gateway, httpx.Method(s.PromoteOrb))                             // releases a dev version
	r.POST("/orb-version", gateway, httpx.Method(s.OrbVersion))                             // with its source
	r.POST("/orb-versions", gateway, httpx.Method(s.OrbVersions))                           // without sources
	r.POST("/list-orb-prefixes", gateway, httpx.Method(s.ListOrbPrefixes))                  // of URL orbs, of an organization
	r.POST("/add-orb-prefix", gateway, httpx.Method(s.AddOrbPrefix))                        // permits URLs below it
	r.POST("/remove-orb-prefix", gateway, httpx.Action(s.RemoveOrbPrefix))                  // no longer permits them
}
