// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/registry"
)

// Cluster runs attempts. Its methods may be called from several goroutines and,
// but for embedded ones, from several processes at once.
type Cluster interface {
	// Submit starts an attempt unless the cluster has, or remembers, one with
	// that id; then it does nothing and returns nil. A *Refusal is final: no
	// repetition will help. Other errors mean that it may or may not have been
	// started.
	Submit(ctx context.Context, p Placement) error
	// Stop ends an attempt, politely first, and removes what is left of it. It
	// returns when the end is under way, not when it is reached. An unknown id is
	// no error.
	Stop(ctx context.Context, id core.AttemptID) error
	// List returns everything that is not purged, of this Muster only.
	List(ctx context.Context) ([]Allocation, error)
	// Find returns one attempt, CodeNotFound when there is none.
	Find(ctx context.Context, id core.AttemptID) (Allocation, error)
	// Watch calls news with changes from now on, until ctx ends (nil) or changes
	// may have been missed (an error). News may repeat and may be lost: it makes
	// things fast, List makes them right.
	Watch(ctx context.Context, news func([]Allocation)) error
}

// Placement is an attempt with all that its shape depends on.
type Placement struct {
	Attempt core.Attempt
	// Spec is the task's; the names of images in it are those to fetch.
	Spec  core.TaskSpec
	Class core.ResourceClass
	// Logins are at the registries of the images, by their places; nil where an
	// image needs none, and shorter than the list where the rest needs none. They
	// are secrets: nothing may keep them where a build or a reader of jobs looks.
	Logins []*registry.Login
	// Engine is the image of the Docker engine that the job gets beside its
	// containers; "" for none.
	Engine string
	// Layers names those who may see the layers of images that such an engine
	// keeps for later ones, 64 hexadecimal digits; "" when nothing is to be kept.
	Layers string
	// Near are names of nodes that may have copies of what the task restores, the
	// likeliest first: a wish, no condition.
	Near []string
}

// Login returns that of an image, nil for none.
func (p *Placement) Login(index int) *registry.Login {
	if index >= len(p.Logins) {
		return nil
	}
	return p.Logins[index]
}

// Allocation is what a cluster knows of an attempt.
type Allocation struct {
	Attempt core.AttemptID
	// ID is the cluster's name for the run, which the workload identity proves.
	// Empty while there is none.
	ID    string
	Node  string // where it runs, for people
	State State
	// Kind says what kind of failure ended it; None for an ordinary end, which
	// includes any exit code of the agent.
	Kind Kind
	// Reason is in the cluster's words: why it waits, why it ended, or, of one that
	// runs, why the cluster has asked it to end.
	Reason string
	// Created is when the attempt was submitted.
	Created time.Time
	// Containers are what is known of a docker job's by now; only Find has to
	// tell.
	Containers []core.Container
	// Entrypoint is core.ClaimedTask's.
	Entrypoint []string
}

// IsAttempt tells whether name has the form of an attempt's id. What has may
// name a Nomad job, a file and a folder.
func IsAttempt(name string) bool {
	return len(name) == 28 && strings.HasPrefix(name, "m-") && !strings.ContainsAny(name, "/.")
}

// State of an allocation.
type State string

// The states, in their order.
const (
	Pending State = "pending" // not placed, or being prepared
	Running State = "running" // the agent's process was started, and so was each container beside it
	Ended   State = "ended"   // and will not run again
)

// Kind of a failure.
type Kind string

// The kinds. They decide whether another try could go better; see the endings
// in the placements package.
const (
	None   Kind = ""
	Image  Kind = "image"  // a container image cannot be had
	Memory Kind = "memory" // killed for using more memory than it has
	Lost   Kind = "lost"   // the node, or the record of the run, is gone
	Start  Kind = "start"  // it was placed and could not be started
	Killed Kind = "killed" // stopped from outside, not by Muster
)

// Refusal is a Submit that cannot work whenever it is tried: a template with a
// mistake, an engine that is not there. Reason is for the user.
type Refusal struct{ Reason string }

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }
