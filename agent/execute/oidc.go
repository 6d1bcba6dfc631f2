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

// tokenWait is how long somebody waits for tokens of the job, with all tries, and
// tokenEvery how long after one the next comes.
const (
	tokenWait  = 15 * time.Second
	tokenEvery = time.Second
)

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
		tokens, err := askTokens(ctx, tokenEvery, nil, j.deps.Tokens)
		j.tokens <- fetched{tokens, err}
	}()
}

// askTokens asks until there are tokens, it is told no, or ctx ends. Whoever
// signs may be away for a moment.
func askTokens(ctx context.Context, every time.Duration, audience []string, ask func(context.Context, []string) (core.JobTokens, error)) (core.JobTokens, error) {
	var last error
	for {
		tokens, err := ask(ctx, audience)
		switch core.ErrorCode(err) {
		case core.CodeInvalid, core.CodeForbidden, core.CodeNotFound, core.CodeExhausted:
			return tokens, err
		}
		if err == nil {
			return tokens, nil
		}
		if last == nil || ctx.Err() == nil {
			last = err // what it says when time is up tells less
		}
		select {
		case <-ctx.Done():
			return core.JobTokens{}, last
		case <-time.After(every):
		}
	}
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
	waited, cancel := context.WithTimeout(ctx, tokenWait)
	defer cancel()
	tokens, err := askTokens(waited, tokenEvery, request.Audience, j.deps.Tokens)
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
