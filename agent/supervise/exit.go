// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"errors"
	"net/http"

	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
)

// The exit statuses of an agent that could not deliver. 0 says that the end of
// the task was acknowledged, however the build itself ended.
const (
	ExitUsage       = 2 // it was started wrongly
	ExitUnclaimed   = 3 // nobody answered the claim
	ExitRefused     = 4 // the claim or the output was refused for good
	ExitUndelivered = 5 // the output could not be delivered
)

// ExitStatus returns the status for an error of New or Run.
func ExitStatus(err error) int {
	switch {
	case err == nil:
		return 0
	case isRefusal(err):
		return ExitRefused
	case core.ErrorCode(err) == core.CodeInvalid:
		return ExitUsage
	case errors.Is(err, errUnclaimed):
		return ExitUnclaimed
	default:
		return ExitUndelivered
	}
}

// errUnclaimed marks errors of a claim that was not answered.
var errUnclaimed = errors.New("the task was not claimed")

// isRefusal tells whether asking again cannot help. To a claim, conflict is
// final too: another process has it, or the attempt has ended.
func isRefusal(err error) bool {
	var status *stream.StatusError
	if !errors.As(err, &status) {
		return false
	}
	return status.Final() || status.Status == http.StatusConflict
}

func isUnauthorized(err error) bool {
	var status *stream.StatusError
	return errors.As(err, &status) && status.Status == http.StatusUnauthorized
}
