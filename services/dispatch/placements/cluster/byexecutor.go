// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
)

// ByExecutor is a cluster made of one for each executor; an attempt goes to
// that of its executor and is looked for in all.
type ByExecutor map[core.ExecutorKind]Cluster

var _ Cluster = ByExecutor{}

// Run runs those of the clusters that have a life of their own.
func (b ByExecutor) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for kind, c := range b {
		runner, ok := c.(interface{ Run(context.Context) error })
		if !ok {
			continue
		}
		group.Go(func() error {
			if err := runner.Run(ctx); err != nil {
				return fmt.Errorf("running the %s executor: %w", kind, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// Submit implements Cluster.
func (b ByExecutor) Submit(ctx context.Context, p Placement) error {
	c := b[p.Attempt.Executor]
	if c == nil {
		return &Refusal{Reason: fmt.Sprintf("this installation has no %s executor", p.Attempt.Executor)}
	}
	return c.Submit(ctx, p)
}

// Stop implements Cluster.
func (b ByExecutor) Stop(ctx context.Context, id core.AttemptID) error {
	var errs []error
	for _, c := range b {
		errs = append(errs, c.Stop(ctx, id))
	}
	return errors.Join(errs...)
}

// List implements Cluster. It fails when one of the clusters does: a part of
// the list would make the attempts of the other look lost.
func (b ByExecutor) List(ctx context.Context) ([]Allocation, error) {
	var all []Allocation
	for _, c := range b {
		list, err := c.List(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// Find implements Cluster.
func (b ByExecutor) Find(ctx context.Context, id core.AttemptID) (Allocation, error) {
	missing := core.Errorf(core.CodeNotFound, "no executor runs attempt %s", id)
	for _, c := range b {
		a, err := c.Find(ctx, id)
		if err == nil {
			return a, nil
		}
		if core.ErrorCode(err) != core.CodeNotFound {
			return Allocation{}, err
		}
	}
	return Allocation{}, missing
}

// Watch implements Cluster; it ends when one of the streams does.
func (b ByExecutor) Watch(ctx context.Context, news func([]Allocation)) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range b {
		group.Go(func() error { return c.Watch(ctx, news) })
	}
	return group.Wait()
}
