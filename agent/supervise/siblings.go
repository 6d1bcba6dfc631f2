// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// siblings asks once how the other tasks of the job are. What another question
// can mend is CodeUnavailable.
func (t *tracked) siblings(ctx context.Context, known string, wait time.Duration) (core.Siblings, error) {
	var found core.Siblings
	err := t.client.Call(ctx, wire.PathSiblings, wire.SiblingsRequest{Known: known, Wait: wait}, &found)
	var status *stream.StatusError
	switch {
	case err == nil:
		return found, nil
	case !errors.As(err, &status) || status.Status >= 500 || status.Status == http.StatusTooManyRequests:
		return core.Siblings{}, &core.Error{Code: core.CodeUnavailable, Message: "the output service does not answer", Err: err}
	case status.Status == http.StatusNotFound:
		return core.Siblings{}, core.Errorf(core.CodeNotFound, "the output service cannot tell; update it")
	default:
		return core.Siblings{}, core.Errorf(core.CodeForbidden, "%s", status.Error())
	}
}
