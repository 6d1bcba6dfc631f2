// SPDX-License-Identifier: MPL-2.0

package core

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Identifiers are types, so that a workflow's cannot be given where a job's is
// meant. All are UUIDs in their text form but AttemptID.
type (
	// OrganizationID names an organization.
	OrganizationID string
	// ProjectID names a project.
	ProjectID string
	// UserID names a user.
	UserID string
	// SSHKeyID names a public key of a user.
	SSHKeyID string
	// TokenID names a personal token; it is not the token's secret value.
	TokenID string
	// PipelineID names a pipeline.
	PipelineID string
	// WorkflowID names a workflow.
	WorkflowID string
	// JobID names one job of one workflow. A rerun makes new ones.
	JobID string
	// TaskID names one parallel run of a job.
	TaskID string
	// AttemptID names one try at a task and is also the id of its Nomad job:
	// "m-" and 26 characters of lower-case base32, so that no id is a prefix of
	// another (CVE-2025-4922 matched identities by prefix).
	AttemptID string
)

// NewID returns a random UUID (version 4). It is what Deps hand to services as
// their source of ids; tests hand in one that counts.
func NewID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return uuid(b[:], 4)
}

// DerivedID returns the UUID (version 8, which is for such) that follows from
// the parts: who repeats them names the same thing (ADR 5).
func DerivedID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return uuid(sum[:16], 8)
}

func uuid(b []byte, version byte) string {
	b[6] = b[6]&0x0f | version<<4
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// NewAttemptID returns a random AttemptID.
func NewAttemptID() AttemptID {
	return AttemptID("m-" + strings.ToLower(rand.Text()[:26]))
}

// Clock tells the time. Services take it from their Deps so that tests can hold
// it still.
type Clock func() time.Time
