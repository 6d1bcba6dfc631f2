// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/sse"
	"github.com/muster-ci/muster/services/accept/gateway/follow"
)

// resumePause is how soon a client should come back that lost its stream.
const resumePause = time.Second

// recheck is how often the token of an open stream is looked at again, so that
// revoking it ends the stream, too.
const recheck = 15 * time.Second

// stream runs what writes an event stream: within the user's number of streams,
// and only for as long as the token is valid. serve opens the stream when it
// knows that there is something to stream; an error before that is an ordinary
// answer.
func (s *Service) stream(c *gin.Context, serve func(ctx context.Context, open func() (*sse.Writer, error)) error) {
	user := s.request(c).user
	if !s.streams.enter(user.ID) {
		fail(c, core.Errorf(core.CodeExhausted, "You have %d streams open, which is the limit.", s.cfg.MaxStreams))
		return
	}
	defer s.streams.leave(user.ID)
	s.metrics.streams.Inc()
	defer s.metrics.streams.Dec()
	ctx, cancel := context.WithCancel(c.Request.Context())
	checked := make(chan struct{})
	go func() {
		defer close(checked)
		s.untilRevoked(ctx, cancel, c)
	}()
	defer func() {
		cancel()
		<-checked
	}()
	var w *sse.Writer
	err := serve(ctx, func() (*sse.Writer, error) {
		var err error
		if w, err = sse.NewWriter(c.Writer); err == nil {
			err = w.Retry(resumePause)
		}
		return w, err
	})
	switch {
	case err == nil || ctx.Err() != nil:
	case w == nil:
		fail(c, err)
	default:
		_ = c.Error(err)
		data, _ := json.Marshal(api.Message{Message: core.ErrorMessage(err)})
		_ = w.Send(sse.Event{Name: api.EventError, Data: data})
	}
}

// untilRevoked ends ctx when the token of the request is not valid any more.
// That identity cannot be asked is no reason.
func (s *Service) untilRevoked(ctx context.Context, cancel context.CancelFunc, c *gin.Context) {
	ticker := time.NewTicker(s.recheck)
	defer ticker.Stop()
	value := tokenOf(c.Request)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if _, err := s.deps.Peers.Identity.Authenticate(ctx, value); core.ErrorCode(err) == core.CodeUnauthorized {
				cancel()
				return
			}
		}
	}
}

// pipelineEvents answers GET /pipelines/{id}/events.
func (s *Service) pipelineEvents(c *gin.Context) {
	s.stream(c, func(ctx context.Context, open func() (*sse.Writer, error)) error {
		p, err := s.pipeline(s.request(c))
		if err != nil {
			return err
		}
		return s.follow(ctx, c, p.Project, open, func() *follow.Subscription { return s.hub.Pipeline(ctx, p.ID) })
	})
}

// jobEvents answers GET /jobs/{id}/events.
func (s *Service) jobEvents(c *gin.Context) {
	s.stream(c, func(ctx context.Context, open func() (*sse.Writer, error)) error {
		job, err := s.jobByID(s.request(c))
		if err != nil {
			return err
		}
		return s.follow(ctx, c, job.Project, open, func() *follow.Subscription { return s.hub.Job(ctx, job.ID) })
	})
}

func (s *Service) follow(ctx context.Context, c *gin.Context, id core.ProjectID, open func() (*sse.Writer, error), subscribe func() *follow.Subscription) error {
	cursor, err := follow.ParseCursor(c.GetHeader("Last-Event-ID"))
	if err != nil {
		return err
	}
	project, err := s.deps.Peers.Projects.Project(ctx, id)
	if err != nil {
		return err
	}
	w, err := open()
	if err != nil {
		return err
	}
	sub := subscribe()
	defer sub.Close()
	return s.hub.Follow(ctx, sub, cursor, &eventSink{w: w, project: project})
}

// eventSink writes what a follower is told as server-sent events.
type eventSink struct {
	w       *sse.Writer
	project core.Project
}

// Beat implements follow.Sink.
func (e *eventSink) Beat() error { return e.w.Comment("beat") }

// Send implements follow.Sink.
func (e *eventSink) Send(event follow.Event) error {
	name, shape := e.shape(event)
	data, err := json.Marshal(shape)
	if err != nil {
		return fmt.Errorf("encoding an event: %w", err)
	}
	return e.w.Send(sse.Event{ID: event.Cursor, Name: name, Data: data})
}

func (e *eventSink) shape(event follow.Event) (name string, shape any) {
	switch {
	case event.Pipeline != nil:
		return api.EventPipeline, showPipeline(*event.Pipeline, e.project)
	case event.Workflow != nil:
		return api.EventWorkflow, showWorkflow(*event.Workflow)
	case event.Job != nil:
		j := event.Job
		return api.EventJob, api.JobEvent{
			WorkflowJob: showWorkflowJob(j.Job, e.project.Slug()), WorkflowID: string(j.Workflow),
			WorkflowName: j.WorkflowName, Parallelism: max(j.Parallelism, 1),
		}
	case event.Step != nil:
		return api.EventStep, api.StepEvent{Place: showPlace(event.Step.Place), Step: showStep(event.Step.Step)}
	case event.Output != nil:
		o := event.Output
		shape := api.OutputEvent{Place: showPlace(o.Place), Step: o.Step, Offset: o.Offset}
		if utf8.Valid(o.Data) {
			shape.Text = string(o.Data)
		} else {
			shape.Base64 = o.Data
		}
		return api.EventOutput, shape
	default:
		return api.EventEnd, api.EndEvent{Status: event.End.Status}
	}
}
