// SPDX-License-Identifier: MPL-2.0

package gatewaytest

import (
	"context"
	"io"
	"reflect"
	"slices"

	"github.com/muster-ci/muster/core"
)

type attempt struct {
	core.AttemptSteps
	output [][]byte // by step
}

// TaskSteps implements core.Output.
func (p *Platform) TaskSteps(_ context.Context, ids []core.TaskID) ([]core.AttemptSteps, error) {
	defer p.lock("TaskSteps")()
	var all []core.AttemptSteps
	for _, id := range ids {
		var own []core.AttemptSteps
		for _, a := range p.attempts {
			if a.Task == id {
				shown := a.AttemptSteps
				shown.Steps = slices.Clone(a.Steps)
				own = append(own, shown)
			}
		}
		slices.SortFunc(own, func(a, b core.AttemptSteps) int { return a.Number - b.Number })
		all = append(all, own...)
	}
	return all, p.check("TaskSteps")
}

// FollowSteps implements core.Output.
func (p *Platform) FollowSteps(ctx context.Context, id core.PipelineID, tell func([]core.AttemptSteps) error) error {
	defer p.lock("FollowSteps")()
	defer context.AfterFunc(ctx, p.changed.Broadcast)()
	told := map[core.AttemptID]core.AttemptSteps{}
	for {
		if err := p.check("FollowSteps"); err != nil {
			return err
		}
		var changed []core.AttemptSteps
		for _, j := range p.jobs {
			for _, task := range j.Tasks {
				for _, a := range p.attempts {
					shown := a.AttemptSteps
					shown.Steps = slices.Clone(a.Steps)
					if j.Pipeline == id && a.Task == task.ID && !reflect.DeepEqual(told[a.Attempt], shown) {
						told[a.Attempt], changed = shown, append(changed, shown)
					}
				}
			}
		}
		p.mu.Unlock()
		err := tell(changed)
		p.mu.Lock()
		if err != nil || ctx.Err() != nil {
			return err
		}
		p.changed.Wait()
	}
}

// ReadOutput implements core.Output.
func (p *Platform) ReadOutput(_ context.Context, r core.OutputRange) (io.ReadCloser, error) {
	defer p.lock("ReadOutput")()
	if err := p.check("ReadOutput"); err != nil {
		return nil, err
	}
	a := p.attempts[r.Attempt]
	if a == nil || r.Step >= len(a.Steps) {
		return nil, core.Errorf(core.CodeNotFound, "There is no such step.")
	}
	return &reader{p: p, a: a, want: r}, nil
}

// reader reads the output of a step as output's API does.
type reader struct {
	p      *Platform
	a      *attempt
	want   core.OutputRange
	closed bool
}

// Read waits for bytes when it follows a step that has not ended.
func (r *reader) Read(b []byte) (int, error) {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	for {
		data := r.a.output[r.want.Step]
		if r.closed {
			return 0, io.ErrClosedPipe
		}
		if left := int64(len(data)) - r.want.Offset; left > 0 {
			n := copy(b, data[r.want.Offset:])
			if r.want.Limit > 0 {
				n = min(n, int(r.want.Limit))
				if r.want.Limit -= int64(n); r.want.Limit == 0 {
					r.want.Limit = -1
				}
			}
			r.want.Offset += int64(n)
			return n, nil
		}
		if r.want.Limit < 0 || !r.want.Follow || r.a.Steps[r.want.Step].StoppedAt != nil {
			return 0, io.EOF
		}
		r.p.changed.Wait()
	}
}

// Close ends a waiting Read.
func (r *reader) Close() error {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	r.closed = true
	r.p.changed.Broadcast()
	return nil
}
