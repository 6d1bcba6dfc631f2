// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"io"
	"time"
)

// SSHKey is a public key with which a user may log in to jobs that the user
// asked for with SSH.
type SSHKey struct {
	ID    SSHKeyID `json:"id"`
	User  UserID   `json:"user_id"`
	Label string   `json:"label"`
	// PublicKey is a line of authorized_keys without options and comment.
	PublicKey   string    `json:"public_key"`
	Fingerprint string    `json:"fingerprint"` // SHA256:...
	CreatedAt   time.Time `json:"created_at"`
}

// SSHKeys are the users' keys, which identity keeps.
type SSHKeys interface {
	// AddSSHKey checks and keeps a key. A key that the user has already is
	// returned as it is; one of another user is CodeConflict.
	AddSSHKey(ctx context.Context, k SSHKey) (SSHKey, error)
	// ListSSHKeys returns a user's keys, oldest first.
	ListSSHKeys(ctx context.Context, user UserID) ([]SSHKey, error)
	// RemoveSSHKey removes the user's key with that id, CodeNotFound when the user
	// has none. Jobs that run already go on taking it.
	RemoveSSHKey(ctx context.Context, k SSHKey) error
}

// SSHPlace is where a running attempt can be logged in to.
type SSHPlace struct {
	Task    TaskID    `json:"task_id"`
	Attempt AttemptID `json:"attempt_id"`
	User    UserID    `json:"user_id"` // who may
	// Address is host:port; "" where the gateway is the only way.
	Address string `json:"address,omitempty"`
	// HostKey is the attempt's own, a line of authorized_keys.
	HostKey string `json:"host_key"`
}

// SSHCall asks for a connection to an attempt's server on behalf of a user.
type SSHCall struct {
	Attempt AttemptID `json:"attempt_id"`
	User    UserID    `json:"user_id"`
	Remote  string    `json:"remote"` // the user's address, for the record
}

// SSHPlaces is the side of output that leads to jobs with SSH.
type SSHPlaces interface {
	// SSHPlaces returns the places of those of the tasks that can be logged in to
	// now.
	SSHPlaces(ctx context.Context, tasks []TaskID) ([]SSHPlace, error)
	// CallSSH opens a connection: CodeForbidden for a user who did not ask for the
	// job, CodeNotFound for an attempt that has no SSH or is over,
	// CodeUnavailable while its agent is not connected.
	CallSSH(ctx context.Context, c SSHCall) (io.ReadWriteCloser, error)
}
