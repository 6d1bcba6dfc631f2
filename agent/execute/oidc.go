// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/muster-ci/muster/agent/answer"
	"github.com/muster-ci/muster/core"
)

// tokenWait is how long the beginning of a job waits for its OIDC tokens, with
// all tries.
const tokenWait = 15 * time.Second

// fetched is what became of asking for them.
type fetched struct {
	tokens core.JobTokens
	err    error
}

// fetchTokens asks for the job's tokens while other things are prepared.
func (j *job) fetchTokens(ctx context.Context) {
	if j.deps.Tokens == nil || j.task.Spec.Pipeline.Source.Fork != "" {
		return // a fork's pipeline gets none
	}
	j.tokens = make(chan fetched, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, tokenWait)
		defer cancel()
		for {
			tokens, err := j.deps.Tokens(ctx, nil)
			code := core.ErrorCode(err)
			if err == nil || code == core.CodeInvalid || code == core.CodeForbidden || code == core.CodeNotFound || ctx.Err() != nil {
				j.tokens <- fetched{tokens, err}
				return
			}
			select {
			case <-ctx.Done():
				j.tokens <- fetched{err: err}
				return
			case <-time.After(time.Second):
			}
		}
	}()
}

// addTokens puts the tokens into the environment, masked, and returns the lines
// that tell of them. A job goes on without: it may not need them.
func (j *job) addTokens(ctx context.Context) string {
	if j.tokens == nil {
		return ""
	}
	var got fetched
	select {
	case got = <-j.tokens:
	case <-ctx.Done():
		return ""
	}
	if got.err != nil {
		j.deps.Logger.Warn("the job gets no OIDC tokens", "error", got.err)
		return fmt.Sprintf("\nThere are no OIDC tokens (CIRCLE_OIDC_TOKEN): %s. The job goes on without.\n", core.ErrorMessage(got.err))
	}
	text := "\nUsing OIDC tokens of this job:\n"
	for _, v := range []core.EnvVar{{Name: "CIRCLE_OIDC_TOKEN", Value: got.tokens.V1}, {Name: "CIRCLE_OIDC_TOKEN_V2", Value: got.tokens.V2}} {
		j.deps.Masks.Add(v.Value)
		own := slices.ContainsFunc(j.task.Spec.Plan.Environment, func(e core.EnvVar) bool { return e.Name == v.Name })
		if !own { // the config's word is the stronger one
			j.base.set(v.Name, v.Value)
		}
		text += "  " + v.Name + "=**REDACTED**\n"
	}
	return text
}

// tokenFor answers `circleci run oidc get`. The token is masked before anybody
// has it.
func (j *job) tokenFor(ctx context.Context, request answer.TokenRequest) (answer.Token, error) {
	switch {
	case j.task.Spec.Pipeline.Source.Fork != "":
		return answer.Token{}, core.Errorf(core.CodeForbidden, "a fork's pipeline gets no OIDC tokens")
	case j.deps.Tokens == nil:
		return answer.Token{}, core.Errorf(core.CodeUnavailable, "this job has no OIDC tokens")
	}
	tokens, err := j.deps.Tokens(ctx, request.Audience)
	if err != nil {
		return answer.Token{}, core.Errorf(core.ErrorCode(err), "%s", core.ErrorMessage(err))
	}
	token := tokens.V1
	if request.V2 {
		token = tokens.V2
	}
	if _, err := j.addMasks(ctx, answer.Mask{Values: []string{token}}); err != nil {
		return answer.Token{}, err
	}
	return answer.Token{Token: token}, nil
}
