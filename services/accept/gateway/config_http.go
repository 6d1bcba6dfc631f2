// SPDX-License-Identifier: MPL-2.0

package gateway

import "github.com/muster-ci/muster/internal/api"

// compileConfig answers POST /compile-config-with-defaults. An empty body is
// answered with an error and not with 404: CircleCI's command line probes the
// route that way.
func (s *Service) compileConfig(r *request) (any, error) {
	var in api.CompileRequest
	if err := r.body(&in); err != nil {
		return nil, err
	}
	return s.CompileConfig(r.ctx(), in)
}
