// SPDX-License-Identifier: MPL-2.0

package work

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/store"
)

// Config describes a loop. Name, Table, DB and Handle are needed.
type Config[T any] struct {
	// Name is the loop's in logs and metrics, such as "queue.deliver". Two loops
	// of one process have different names.
	Name string
	// Table has the columns of Item; T is its model. One table has one kind of
	// loop, in any number of processes.
	Table string
	DB    *store.DB
	// Hints wake the loop on Topic. Without them it polls.
	Hints hints.Hints
	Topic string
	// Clock tells what is due and when leases end. Default: time.Now. Waiting is
	// done on real timers, so with a clock that stands still use hints.
	Clock   core.Clock
	Logger  hclog.Logger
	Metrics prometheus.Registerer

	// Batch is how many rows are claimed and handled at once. Default: 64.
	Batch int
	// Workers is how many batches are handled side by side. Default: 1.
	Workers int
	// Lease is how long a row stays with a process that has died. Default: 10s.
	Lease time.Duration
	// Poll is how long a lost hint can delay a row. Default: 5s.
	Poll time.Duration
	// MaxTries is after how many failures a row is set aside. Default: 20.
	MaxTries int
	// Backoff is the wait before the next try after so many. Default: from 100 ms
	// doubling to a minute, half of it random.
	Backoff func(tries int) time.Duration
	// Grace is how long running handlers go on after Run's ctx has ended before
	// theirs ends too. Default: 1s.
	Grace time.Duration

	// Handle does the work and returns one Result for each row, in their order.
	// Rows are as they were when claimed. When ctx ends the leases are lost or
	// the process stops: it returns soon, and an error of ctx among the results
	// counts for nothing. A panic counts as a failure of the row that causes it;
	// to find which, the rows are handled again one by one.
	Handle func(ctx context.Context, rows []T) []Result
}

func (c Config[T]) withDefaults() Config[T] {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	if c.Backoff == nil {
		c.Backoff = backoff
	}
	c.Batch = cmp.Or(c.Batch, 64)
	c.Workers = cmp.Or(c.Workers, 1)
	c.Lease = cmp.Or(c.Lease, 10*time.Second)
	c.Poll = cmp.Or(c.Poll, 5*time.Second)
	c.MaxTries = cmp.Or(c.MaxTries, 20)
	c.Grace = cmp.Or(c.Grace, time.Second)
	return c
}

// maxBatch keeps the statements that record a batch within what both databases
// take.
const maxBatch = 1000

func (c Config[T]) validate() error {
	switch {
	case c.Name == "" || c.Table == "" || c.DB == nil || c.Handle == nil:
		return errors.New("a work loop needs Name, Table, DB and Handle")
	case c.Hints != nil && c.Topic == "":
		return errors.New("a work loop with Hints needs a Topic")
	case c.Batch < 1 || c.Batch > maxBatch:
		return errors.New("the Batch of a work loop is 1 to 1000")
	case c.Workers < 1 || c.Lease < 0 || c.Poll < 0 || c.MaxTries < 1 || c.Grace < 0:
		return errors.New("Workers, Lease, Poll, MaxTries and Grace of a work loop are not negative")
	default:
		return nil
	}
}

const (
	backoffFirst = 100 * time.Millisecond
	backoffMost  = time.Minute
)

// backoff doubles. Half of it is random, so that rows that failed together do
// not come back together.
func backoff(tries int) time.Duration {
	d := backoffMost
	if shift := tries - 1; shift < 10 {
		d = min(backoffFirst<<max(shift, 0), backoffMost)
	}
	return d/2 + rand.N(d/2+1)
}
