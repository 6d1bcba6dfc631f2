// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
)

// permanent is a failure that another try cannot mend.
type permanent struct{ error }

// Unwrap returns the failure.
func (p permanent) Unwrap() error { return p.error }

// call makes a call of package wire, again while that can help.
func (s *Store) call(ctx context.Context, path string, in, out any) error {
	return s.insist(ctx, "the output service", func(ctx context.Context) error {
		err := s.deps.Caller.Call(ctx, path, in, out)
		var status *stream.StatusError
		if errors.As(err, &status) && !worthAnother(status.Status) {
			code := status.Answer.Code
			if code == "" {
				code = core.CodeInternal
			}
			message := status.Answer.Message
			if message == "" {
				message = fmt.Sprintf("the output service answered %d", status.Status)
			}
			return permanent{core.Errorf(code, "%s", message)}
		}
		return err
	})
}

func worthAnother(status int) bool {
	return status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooEarly || status == http.StatusTooManyRequests
}

// insist calls try until it succeeds, fails for good, or has been failing for
// as long as patience lasts; the error then is CodeUnavailable and names whom.
func (s *Store) insist(ctx context.Context, whom string, try func(context.Context) error) (err error) {
	var failing time.Time
	defer func() {
		if failing.IsZero() {
			return
		}
		if lasted, last := s.troubles.end(whom); last && err == nil {
			s.deps.Note("Going on: %s works again after %s.", whom, lasted.Round(time.Second))
		}
	}()
	pause := stream.Backoff{Least: s.cfg.PauseLeast, Most: s.cfg.PauseMost}
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var p permanent
		if errors.As(err, &p) {
			return p.error
		}
		wait := pause.Next()
		switch {
		case failing.IsZero():
			failing = time.Now()
			if s.troubles.begin(whom) {
				s.deps.Note("Trouble with %s: %v; trying again for up to %s.", whom, err, s.cfg.Patience)
			}
		case time.Since(failing)+wait > s.cfg.Patience:
			return core.Errorf(core.CodeUnavailable, "%s could not be used for %s: %v; run the job again when it is back, or ask whoever operates this platform", whom, s.cfg.Patience, err)
		}
		s.deps.Logger.Debug("a transfer failed and is tried again", "whom", whom, "error", err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}
