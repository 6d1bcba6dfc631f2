// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	request := wire.ClaimRequest{Nonce: a.deps.NewID(), AgentVersion: a.cfg.Version, Host: a.cfg.Host, Speaks: wire.Ours()}
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

// nomadSocket is in a task's folder of secrets a way to Nomad's API, which asks
// for no token where a site has no ACLs.
const nomadSocket = "api.sock"

// dropIdentity removes what the build could use of the cluster's: the file of
// the workload identity, in the place of which the task's token counts from now
// on, in memory only; and Nomad's socket beside it.
func (a *Agent) dropIdentity() {
	for _, path := range []string{a.cfg.IdentityFile, filepath.Join(filepath.Dir(a.cfg.IdentityFile), nomadSocket)} {
		err := os.Remove(path)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		a.deps.Logger.Warn("the build can use what was meant for the agent alone", "path", path, "error", err)
	}
}
