// SPDX-License-Identifier: MPL-2.0

package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/muster-ci/muster/internal/outbound"
)

var (
	errShape    = errors.New("the registry's answer is none that is understood")
	errPlatform = errors.New("the image has no variant for this platform")
	errPlain    = errors.New("the registry would get the login without encryption")
	errDetour   = errors.New("the registry leads elsewhere without encryption")
)

// trouble is what an error means. Its text is one of a few, whatever the other
// side said: users name the hosts that are asked, and answers of the site's own
// are none of their business.
type trouble struct {
	why     string
	host    bool // the registry as a whole, not this image
	lasting bool // it will be the same for this very image, whenever it is asked for
	wait    time.Duration
}

func troubleOf(err error) trouble {
	var answer *errcode.ErrorResponse
	var limit *limited
	var network net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case err == nil:
		return trouble{}
	case errors.As(err, &limit):
		return trouble{why: "its registry answers no more questions for now (rate limit)", host: true, wait: limit.wait}
	case errors.Is(err, outbound.ErrForbidden), errors.Is(err, errDetour):
		return trouble{why: "its registry is at an address that the server does not ask", host: true, lasting: true, wait: mostRest}
	case errors.As(err, &certificate):
		return trouble{why: "the server does not trust the certificate of its registry", host: true, wait: mostRest}
	case errors.Is(err, errPlain):
		return trouble{why: "its registry has no TLS, and the server does not send it the login"}
	case errors.Is(err, errPlatform):
		return trouble{why: "it has no variant for the platform of the clients", lasting: true}
	case errors.Is(err, errdef.ErrNotFound):
		return trouble{why: "its registry does not have it"}
	case errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusNotFound):
		return trouble{why: "its registry does not have it, or not for this job"}
	case errors.As(err, &answer) && answer.StatusCode < 500, errors.Is(err, content.ErrMismatchedDigest), errors.Is(err, content.ErrTrailingData):
		return trouble{why: unusable}
	case errors.Is(err, errShape):
		return trouble{why: unusable, lasting: true}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network), errors.As(err, &answer):
		return trouble{why: "its registry does not answer", host: true}
	default:
		return trouble{why: unusable}
	}
}

const unusable = "the answer of its registry cannot be used"

// limited is the answer of a registry that has been asked too often.
type limited struct{ wait time.Duration }

// Error says so.
func (*limited) Error() string { return "the registry has been asked too often" }

// guard bounds what a registry can have us do: go anywhere else without
// encryption, and read without end.
type guard struct {
	next  http.RoundTripper
	host  string // the registry's
	plain bool   // which has no encryption
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != "https" && (!g.plain || request.URL.Host != g.host) {
		return nil, fmt.Errorf("going to %s: %w", request.URL.Host, errDetour)
	}
	response, err := g.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusTooManyRequests {
		response.Body.Close()
		seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
		if err != nil || seconds < 0 || seconds > int(mostRest/time.Second) {
			seconds = int(mostRest / time.Second)
		}
		return nil, &limited{wait: time.Duration(seconds) * time.Second}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxManifest+1), response.Body}
	return response, nil
}
