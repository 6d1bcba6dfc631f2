// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
)

// TestTokensAreAskedForAgain has whoever signs be away for two tries, say no,
// and be away for good.
func TestTokensAreAskedForAgain(t *testing.T) {
	t.Parallel()
	away := core.Errorf(core.CodeUnavailable, "Vault is sealed or in trouble")
	forbidden := core.Errorf(core.CodeForbidden, "no")
	exhausted := core.Errorf(core.CodeExhausted, "too many")
	for name, test := range map[string]struct {
		answers []error // the last for all further tries
		tries   int
		want    core.Code
	}{
		"away for a moment": {[]error{away, away, nil}, 3, ""},
		"refused":           {[]error{away, forbidden}, 2, core.CodeForbidden},
		"too many":          {[]error{exhausted}, 1, core.CodeExhausted},
		"away for good":     {[]error{away}, 5, core.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			tries := 0
			tokens, err := askTokens(ctx, time.Millisecond, []string{"vault"}, func(_ context.Context, audience []string) (core.JobTokens, error) {
				tries++
				if len(audience) != 1 || audience[0] != "vault" {
					t.Errorf("asked for %q", audience)
				}
				if tries == 5 {
					cancel()
					return core.JobTokens{}, core.Errorf(core.CodeUnavailable, "output cannot be reached")
				}
				err := test.answers[min(tries, len(test.answers))-1]
				return core.JobTokens{V1: "t"}, err
			})
			if tries != test.tries || core.ErrorCode(err) != test.want && (err != nil || test.want != "") {
				t.Errorf("got %v after %d tries, want %q after %d", err, tries, test.want, test.tries)
			}
			if test.want == "" && tokens.V1 != "t" || test.want == core.CodeUnavailable && core.ErrorMessage(err) != core.ErrorMessage(away) {
				t.Errorf("got %+v, %v", tokens, err)
			}
		})
	}
}
