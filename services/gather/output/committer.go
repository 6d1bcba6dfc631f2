// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// maxBatch is how many bytes of output one transaction takes before the next
// one begins: enough to pay for an fsync, little enough that nobody waits long.
const maxBatch = 16 << 20

// committer lets requests share transactions: while one is written, all that
// come wait together for the next. So the price of a commit is paid once for
// many tasks, and a single one never waits for company.
type committer struct {
	commit  func(context.Context, []*submission)
	in      chan *submission
	stopped <-chan struct{} // nothing is taken any more
}

func newCommitter(commit func(context.Context, []*submission), stopped <-chan struct{}) *committer {
	return &committer{commit: commit, in: make(chan *submission), stopped: stopped}
}

// submit returns when sub.out is set. An error means that nothing is known of
// what became of it, which the protocol allows.
func (c *committer) submit(ctx context.Context, sub *submission) error {
	select {
	case c.in <- sub:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.stopped:
		return errStopping()
	}
	select {
	case <-sub.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func errStopping() error {
	return core.Errorf(core.CodeUnavailable, "this instance of output is stopping")
}

// run commits until ctx ends. Everything that it took is answered.
func (c *committer) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case first := <-c.in:
			subs := c.gather(first)
			c.commit(ctx, subs)
			for _, sub := range subs {
				close(sub.done)
			}
		}
	}
}

// gather takes what waits already.
func (c *committer) gather(first *submission) []*submission {
	subs, size := []*submission{first}, first.size
	for size < maxBatch {
		select {
		case sub := <-c.in:
			subs, size = append(subs, sub), size+sub.size
		default:
			return subs
		}
	}
	return subs
}
