// SPDX-License-Identifier: MPL-2.0

package httpx

import (
	"net/http"

	"github.com/muster-ci/muster/core"
)

// statuses is the one table between codes and HTTP statuses.
var statuses = []struct {
	code   core.Code
	status int
}{
	{core.CodeInvalid, http.StatusBadRequest},
	{core.CodeUnauthorized, http.StatusUnauthorized},
	{core.CodeForbidden, http.StatusForbidden},
	{core.CodeNotFound, http.StatusNotFound},
	{core.CodeConflict, http.StatusConflict},
	{core.CodeExhausted, http.StatusTooManyRequests},
	{core.CodeUnavailable, http.StatusServiceUnavailable},
	{core.CodeInternal, http.StatusInternalServerError},
}

// Status returns the HTTP status of a code, 500 for one that is not known.
func Status(code core.Code) int {
	for _, row := range statuses {
		if row.code == code {
			return row.status
		}
	}
	return http.StatusInternalServerError
}

// Code returns the code of an HTTP status that is not 2xx. What a proxy in
// between says (502, 504) is unavailable; any other 4xx is invalid.
func Code(status int) core.Code {
	for _, row := range statuses {
		if row.status == status {
			return row.code
		}
	}
	switch {
	case status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		return core.CodeUnavailable
	case status >= 400 && status < 500:
		return core.CodeInvalid
	default:
		return core.CodeInternal
	}
}

// ErrorBody is the JSON of an error between services.
type ErrorBody struct {
	Code    core.Code `json:"code"`
	Message string    `json:"message"`
}
