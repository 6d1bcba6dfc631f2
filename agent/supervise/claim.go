// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// claim asks for the work until it is given, refused, or ClaimFor is over. An
// attempt may be unknown for a moment, since Nomad may start us before the
// placement is committed.
func (a *Agent) claim(ctx context.Context) (wire.ClaimResponse, string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, a.cfg.ClaimFor,
		core.Errorf(core.CodeUnavailable, "the claim was not answered for %s", a.cfg.ClaimFor))
	defer cancel()
	request := wire.ClaimRequest{Nonce: a.deps.NewID(), AgentVersion: a.cfg.Version, Host: a.cfg.Host}
	retry := stream.Backoff{Least: 100 * time.Millisecond, Most: 5 * time.Second}
	refusedWith := ""
	for tries := 1; ; tries++ {
		identity, err := a.identity()
		var answer wire.ClaimResponse
		if err == nil {
			answer, err = a.client.Claim(ctx, identity, request)
		}
		switch {
		case err == nil:
			a.dropIdentity()
			return answer, identity, nil
		case isRefusal(err) && (!isUnauthorized(err) || refusedWith == identity):
			return answer, "", fmt.Errorf("claiming the task: %w", err)
		case isUnauthorized(err):
			refusedWith = identity // perhaps stale: only a second refusal of the same counts
		}
		if tries == 1 || tries%10 == 0 {
			a.deps.Logger.Warn("the task cannot be claimed yet", "tries", tries, "error", err)
		}
		if tries%len(a.cfg.Addresses) != 0 && ctx.Err() == nil {
			continue // the next address may answer; the pause is for a round of all
		}
		timer := time.NewTimer(retry.Next())
		select {
		case <-ctx.Done():
			timer.Stop()
			return answer, "", fmt.Errorf("claiming the task: %w", errors.Join(errUnclaimed, context.Cause(ctx), err))
		case <-timer.C:
		}
	}
}

func (a *Agent) identity() (string, error) {
	token, err := os.ReadFile(a.cfg.IdentityFile)
	if err != nil {
		return "", fmt.Errorf("reading the workload identity: %w", err)
	}
	return strings.TrimSpace(string(token)), nil
}

// dropIdentity removes the file of the workload identity, which the build could
// read otherwise: from now on the task's token, in memory, is all that counts.
func (a *Agent) dropIdentity() {
	err := os.Remove(a.cfg.IdentityFile)
	if err != nil {
		// A folder that lets nobody remove may let us empty the file.
		err = errors.Join(err, os.Truncate(a.cfg.IdentityFile, 0))
	}
	if _, statErr := os.Stat(a.cfg.IdentityFile); statErr == nil && err != nil {
		a.deps.Logger.Warn("the build can read the workload identity, which is of no use any more", "error", err)
	}
}
