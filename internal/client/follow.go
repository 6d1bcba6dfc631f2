// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/sse"
)

const (
	// patience is how long a stream may stay away before following gives up:
	// longer than a rolling update of the gateway takes.
	patience = 5 * time.Minute
	// silence is how long a stream may say nothing; beats come every 15 seconds.
	silence = time.Minute
	// longestPause between two attempts to connect again.
	longestPause = 5 * time.Second
)

// Event is one event of a stream. One of the fields is set.
type Event struct {
	Pipeline *api.Pipeline
	Workflow *api.Workflow
	Job      *api.JobEvent
	Step     *api.StepEvent
	Output   *api.OutputEvent
	End      *api.EndEvent
}

// FollowPipeline hands over the events of a pipeline until its end, and comes
// back by itself when the connection is lost. No byte of output is handed over
// twice. An error of handle ends it.
func (c *Client) FollowPipeline(ctx context.Context, id string, handle func(Event) error) error {
	return c.follow(ctx, own+"/pipelines/"+id+"/events", handle)
}

// FollowJob hands over the events of a job until its end.
func (c *Client) FollowJob(ctx context.Context, id string, handle func(Event) error) error {
	return c.follow(ctx, own+"/jobs/"+id+"/events", handle)
}

// stream is the state of following over several connections.
type stream struct {
	handle func(Event) error
	lastID string
	got    map[place]int64   // bytes of each step handed over
	steps  map[place]string  // the last status of each step handed over
	last   map[string]string // the last data of each other thing handed over
	ended  bool
}

type place struct {
	attempt string
	step    int
}

// errHandler wraps what handle returned, which must not be tried again.
type errHandler struct{ error }

func (c *Client) follow(ctx context.Context, path string, handle func(Event) error) error {
	s := &stream{handle: handle, got: map[place]int64{}, steps: map[place]string{}, last: map[string]string{}}
	pause, alive := time.Duration(0), time.Now()
	for {
		heard, err := c.connect(ctx, path, s)
		var mine errHandler
		switch {
		case s.ended:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &mine):
			return mine.error
		case IsStatus(err, 400, 401, 403, 404):
			return err
		}
		if heard {
			pause, alive = 0, time.Now()
		}
		if time.Since(alive) > patience {
			return fmt.Errorf("the connection to %s was lost: %w", c.base, err)
		}
		pause = min(max(2*pause, 100*time.Millisecond), longestPause)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// connect reads one connection to its end and tells whether anything came.
func (c *Client) connect(ctx context.Context, path string, s *stream) (heard bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A connection that died without a word looks like one that is silent.
	watchdog := time.AfterFunc(silence, cancel)
	defer watchdog.Stop()
	headers := []string{"Accept", sse.ContentType}
	if s.lastID != "" {
		headers = append(headers, "Last-Event-ID", s.lastID)
	}
	response, err := c.send(ctx, http.MethodGet, path, nil, headers...)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	reader := sse.NewReader(&fed{response.Body, watchdog})
	for {
		e, err := reader.Next()
		if err != nil {
			return heard, err
		}
		heard = true
		s.lastID = reader.LastID()
		if err := s.take(e); err != nil || s.ended {
			return heard, err
		}
	}
}

// fed restarts the watchdog whenever bytes come, comments included.
type fed struct {
	io.Reader
	watchdog *time.Timer
}

// Read implements io.Reader.
func (f *fed) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if n > 0 {
		f.watchdog.Reset(silence)
	}
	return n, err
}

// take hands over one event, without what was handed over before.
func (s *stream) take(e sse.Event) error {
	var event Event
	var into any
	switch e.Name {
	case api.EventPipeline:
		event.Pipeline = new(api.Pipeline)
		into = event.Pipeline
	case api.EventWorkflow:
		event.Workflow = new(api.Workflow)
		into = event.Workflow
	case api.EventJob:
		event.Job = new(api.JobEvent)
		into = event.Job
	case api.EventStep:
		event.Step = new(api.StepEvent)
		into = event.Step
	case api.EventOutput:
		event.Output = new(api.OutputEvent)
		into = event.Output
	case api.EventEnd:
		event.End, s.ended = new(api.EndEvent), true
		into = event.End
	case api.EventError:
		var m api.Message
		_ = json.Unmarshal(e.Data, &m)
		return fmt.Errorf("the stream broke: %s", m.Message)
	default:
		return nil // a later server may say more
	}
	if err := json.Unmarshal(e.Data, into); err != nil {
		return fmt.Errorf("reading an event: %w", err)
	}
	if !s.news(event, e.Data) {
		return nil
	}
	if err := s.handle(event); err != nil {
		return errHandler{err}
	}
	return nil
}

// news tells whether an event says something that was not handed over yet: a
// stream that is taken up again begins with how things are.
func (s *stream) news(e Event, data []byte) bool {
	var key string
	switch {
	case e.Output != nil:
		return s.fresh(e.Output)
	case e.Step != nil:
		at := place{e.Step.AttemptID, e.Step.Number}
		before, known := s.steps[at]
		if known && (e.Step.Status == "running" || before != "running") {
			return false
		}
		s.steps[at] = e.Step.Status
		return true
	case e.Pipeline != nil:
		key = e.Pipeline.ID
	case e.Workflow != nil:
		key = e.Workflow.ID
	case e.Job != nil:
		key = e.Job.ID
	default:
		return true
	}
	if s.last[key] == string(data) {
		return false
	}
	s.last[key] = string(data)
	return true
}

// fresh cuts off the bytes that were handed over already; false when none are
// left.
func (s *stream) fresh(o *api.OutputEvent) bool {
	key, data := place{o.AttemptID, o.Step}, o.Bytes()
	end := o.Offset + int64(len(data))
	have := s.got[key]
	if end <= have {
		return false
	}
	if o.Offset < have {
		o.Text, o.Base64 = "", data[have-o.Offset:]
		o.Offset = have
	}
	s.got[key] = end
	return true
}

func decode(response *http.Response, into any) error {
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return nil
}
