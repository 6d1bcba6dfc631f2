// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/muster-ci/muster/agent/answer"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// register adds what only the platform knows to what the commands of a job may
// ask.
func (t *tracked) register(server *answer.Server) {
	server.Handle("POST "+answer.PathTimings, answer.JSON(t.timings))
}

// timings asks output with patience: see wire.PathTimings for why a task may not
// go on without an answer. What cannot be had in the time that a call of a
// command has is CodeUnavailable, and the command asks again.
func (t *tracked) timings(ctx context.Context, request wire.TimingsRequest) (json.RawMessage, error) {
	retry := stream.Backoff{Least: 200 * time.Millisecond, Most: 10 * time.Second}
	ctx, cancel := context.WithTimeout(ctx, t.patience())
	defer cancel()
	for {
		var answer json.RawMessage // goes through as it is: it may be large
		err := t.client.Call(ctx, wire.PathTimings, request, &answer)
		var status *stream.StatusError
		switch {
		case err == nil:
			return answer, nil
		case errors.As(err, &status) && status.Status == http.StatusBadRequest:
			return nil, core.Errorf(core.CodeInvalid, "%s", status.Answer.Message)
		case errors.As(err, &status) && status.Status == http.StatusNotFound:
			return json.Marshal(wire.Timings{Missing: "this platform keeps no timings of tests"})
		case errors.As(err, &status) && status.Final():
			return nil, core.Errorf(core.CodeForbidden, "the platform takes no more questions of this task")
		}
		t.logger.Debug("the timings cannot be had yet", "error", err)
		timer := time.NewTimer(retry.Next())
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, core.Errorf(core.CodeUnavailable, "the platform does not answer")
		case <-timer.C:
		}
	}
}

// patience is how long the platform is asked before the command may say that it
// waits; well below the time of a call.
func (t *tracked) patience() time.Duration { return min(time.Minute, t.cfg.ClaimFor) }
