// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/internal/sse"
)

// stepOf finds the step in the address: of the attempt in the query, or of the
// task's latest.
func (s *Service) stepOf(r *request) (core.AttemptSteps, core.Step, error) {
	job, err := s.jobByID(r)
	if err != nil {
		return core.AttemptSteps{}, core.Step{}, err
	}
	index, err := r.number("index")
	if err != nil {
		return core.AttemptSteps{}, core.Step{}, err
	}
	number, err := r.number("step")
	if err != nil {
		return core.AttemptSteps{}, core.Step{}, err
	}
	for _, task := range job.Tasks {
		if int64(task.Index) != index {
			continue
		}
		attempts, err := s.deps.Peers.Output.TaskSteps(r.ctx(), []core.TaskID{task.ID})
		if err != nil {
			return core.AttemptSteps{}, core.Step{}, err
		}
		attempt, err := chosenAttempt(attempts, r.query("attempt"))
		if err != nil {
			return core.AttemptSteps{}, core.Step{}, err
		}
		for _, step := range attempt.Steps {
			if int64(step.Number) == number {
				return attempt, step, nil
			}
		}
	}
	return core.AttemptSteps{}, core.Step{}, core.Errorf(core.CodeNotFound, "There is no such step (yet).")
}

func chosenAttempt(attempts []core.AttemptSteps, wanted string) (core.AttemptSteps, error) {
	if len(attempts) == 0 {
		return core.AttemptSteps{}, core.Errorf(core.CodeNotFound, "The task has not started yet.")
	}
	if wanted == "" {
		return attempts[len(attempts)-1], nil
	}
	for _, a := range attempts {
		if strconv.Itoa(a.Number) == wanted || string(a.Attempt) == wanted {
			return a, nil
		}
	}
	return core.AttemptSteps{}, core.Errorf(core.CodeNotFound, "The task has no attempt %q.", wanted)
}

// plainOutput answers GET .../output: the bytes as they were written, from
// offset on or as far as a Range header says.
func (s *Service) plainOutput(c *gin.Context) {
	r := s.request(c)
	attempt, step, err := s.stepOf(r)
	if err != nil {
		fail(c, err)
		return
	}
	first, length, partial, err := wantedRange(c, step.Bytes)
	if err != nil {
		refuseRange(c, err, step.Bytes)
		return
	}
	// What a build wrote is nothing that a browser should interpret.
	c.Header("Content-Type", "text/plain; charset=utf-8")
	c.Header("Content-Security-Policy", "sandbox; default-src 'none'")
	c.Header("Accept-Ranges", "bytes")
	c.Header("Content-Length", strconv.FormatInt(length, 10))
	status := http.StatusOK
	if partial {
		status = http.StatusPartialContent
		total := "*" // while the step runs
		if step.StoppedAt != nil {
			total = strconv.FormatInt(step.Bytes, 10)
		}
		c.Header("Content-Range", fmt.Sprintf("bytes %d-%d/%s", first, first+length-1, total))
	}
	if length == 0 {
		c.Status(status)
		c.Writer.WriteHeaderNow()
		return
	}
	body, err := s.deps.Peers.Output.ReadOutput(r.ctx(), core.OutputRange{Attempt: attempt.Attempt, Step: step.Number, Offset: first, Limit: length})
	if err != nil {
		for _, name := range []string{"Content-Type", "Content-Length", "Content-Range", "Accept-Ranges"} {
			c.Writer.Header().Del(name)
		}
		fail(c, err)
		return
	}
	defer body.Close()
	c.Status(status)
	if _, err := io.CopyN(httpx.Patient(c.Writer), body, length); err != nil && r.ctx().Err() == nil {
		// The head has gone out; breaking the connection is the one way left to
		// say that this is not all.
		s.deps.Logger.Warn("output could not be sent whole", "attempt_id", attempt.Attempt, "error", err)
		panic(http.ErrAbortHandler)
	}
}

// wantedRange reads Range (one range of bytes) or offset, against a length.
func wantedRange(c *gin.Context, size int64) (first, length int64, partial bool, err error) {
	if text := c.Query("offset"); text != "" {
		first, err = strconv.ParseInt(text, 10, 63)
		if err != nil || first < 0 {
			return 0, 0, false, core.Errorf(core.CodeInvalid, "offset must be a number of bytes.")
		}
		first = min(first, size)
		return first, size - first, false, nil
	}
	text, ok := strings.CutPrefix(c.GetHeader("Range"), "bytes=")
	if !ok || strings.Contains(text, ",") {
		return 0, size, false, nil // several ranges may be answered with everything
	}
	left, right, ok := strings.Cut(strings.TrimSpace(text), "-")
	last := size - 1
	switch {
	case !ok:
		return 0, size, false, nil
	case left == "":
		var suffix int64
		if suffix, err = strconv.ParseInt(right, 10, 63); err != nil || suffix == 0 {
			return 0, 0, false, rangeError()
		}
		first = max(0, size-suffix)
	default:
		if first, err = strconv.ParseInt(left, 10, 63); err != nil {
			return 0, 0, false, rangeError()
		}
		if right != "" {
			if last, err = strconv.ParseInt(right, 10, 63); err != nil || last < first {
				return 0, 0, false, rangeError()
			}
			last = min(last, size-1)
		}
	}
	if first >= size {
		return 0, 0, false, rangeError()
	}
	return first, last - first + 1, true, nil
}

// refuseRange answers a Range that there is nothing of with the status that is
// for it, and anything else as what it is.
func refuseRange(c *gin.Context, err error, size int64) {
	if !errors.Is(err, errRange) {
		fail(c, err)
		return
	}
	c.Header("Content-Range", fmt.Sprintf("bytes */%d", size))
	c.AbortWithStatusJSON(http.StatusRequestedRangeNotSatisfiable, api.Message{Message: core.ErrorMessage(err)})
}

var errRange = errors.New("range not satisfiable")

func rangeError() error {
	return &core.Error{Code: core.CodeInvalid, Message: "There is no such range of bytes (yet).", Err: errRange}
}

// streamOutput answers GET .../stream: the output of one step from an offset, as
// it comes, until the step ends.
func (s *Service) streamOutput(c *gin.Context) {
	s.stream(c, func(ctx context.Context, open func() (*sse.Writer, error)) error {
		r := s.request(c)
		attempt, step, err := s.stepOf(r)
		if err != nil {
			return err
		}
		text := c.GetHeader("Last-Event-ID")
		if text == "" {
			text = c.DefaultQuery("offset", "0")
		}
		offset, err := strconv.ParseInt(text, 10, 63)
		if err != nil || offset < 0 {
			return core.Errorf(core.CodeInvalid, "The offset to resume from must be a number of bytes.")
		}
		body, err := s.deps.Peers.Output.ReadOutput(ctx, core.OutputRange{Attempt: attempt.Attempt, Step: step.Number, Offset: offset, Follow: true})
		if err != nil {
			return err
		}
		w, err := open()
		if err != nil {
			body.Close()
			return err
		}
		return sse.CopyOutput(ctx, w, body, offset, sse.Beat)
	})
}
