// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/muster-ci/muster/internal/sse"
)

// follow reads a task's first step to its end, and connects again where it was
// when the service has lost patience with it.
func (c *crowd) follow(ctx context.Context, task int) {
	r := &follower{crowd: c, task: task, slow: task%5 == 0 && !c.shape.calm}
	if task > 0 {
		r.want = c.log(task)
	}
	for {
		err := r.connect(ctx)
		switch {
		case errors.Is(err, errWrong) || ctx.Err() != nil:
			c.t.Errorf("the reader of task %d at %d: %v", task, r.offset, err)
			return
		case err == nil:
			if r.want != nil && r.offset != int64(len(r.want)) {
				c.t.Errorf("the reader of task %d got %d bytes, want %d", task, r.offset, len(r.want))
			}
			return
		}
	}
}

// errWrong is an answer that no other attempt makes right.
var errWrong = errors.New("wrong bytes")

// follower is one reader.
type follower struct {
	*crowd
	task   int
	slow   bool
	want   []byte // nil of the one who floods
	offset int64
}

// connect reads events until the last one, and then returns nil.
func (r *follower) connect(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/output/%s/0/stream", r.service.URL, r.service.Tasks[r.task].ID), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Circle-Token", readerToken+"-"+strconv.Itoa(r.task))
	request.Header.Set("Last-Event-ID", strconv.FormatInt(r.offset, 10))
	client := r.client
	if r.slow {
		client = r.narrow
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: the answer is %d", errWrong, response.StatusCode)
	}
	events := sse.NewReader(response.Body)
	for {
		e, err := events.Next()
		if err != nil {
			return err
		}
		if err := r.take(e); err != nil || e.Name == sse.EndEvent {
			return err
		}
		if r.slow {
			select {
			case <-r.written:
			case <-ctx.Done():
			}
		}
	}
}

func (r *follower) take(e sse.Event) error {
	o, err := sse.ParseOutput(e)
	if err != nil {
		return err
	}
	data := o.Bytes()
	if o.Offset != r.offset {
		return fmt.Errorf("%w: an event of offset %d", errWrong, o.Offset)
	}
	if r.want != nil && !bytes.HasPrefix(r.want[r.offset:], data) {
		return fmt.Errorf("%w: %d bytes differ from what was written", errWrong, len(data))
	}
	r.offset += int64(len(data))
	return nil
}
