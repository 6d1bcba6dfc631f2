// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/muster-ci/muster/core"
)

// Catalog knows where services are.
type Catalog interface {
	// Transport sends requests for the host "<service>.muster" to an instance
	// that is healthy as far as is known. A service that is not known or has no
	// such instance is CodeUnavailable: it may start any moment. So is an
	// instance that cannot be connected to. Once a request is under way its
	// errors are net/http's. All callers share the one transport.
	Transport() http.RoundTripper
}

const domain = ".muster"

var servicePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// serviceOf returns the service that a request is for. A port is passed over.
func serviceOf(request *http.Request) (string, error) {
	name, ok := strings.CutSuffix(request.URL.Hostname(), domain)
	if !ok || !servicePattern.MatchString(name) {
		return "", core.Errorf(core.CodeUnavailable, "%.80q is not the address of a service", request.URL.Host)
	}
	return name, nil
}

func noInstance(service string, err error) error {
	return &core.Error{Code: core.CodeUnavailable, Message: "the service " + service + " is not available now", Err: err}
}

// closeBody does what http.RoundTripper promises for a request that is not sent.
func closeBody(request *http.Request) {
	if request.Body != nil {
		request.Body.Close()
	}
}
