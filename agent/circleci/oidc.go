// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/muster-ci/muster/agent/answer"
)

// oidcGet is CircleCI's command, with its one claim that can be chosen.
func oidcGet() *command {
	flags := newFlags()
	k := &command{
		path:  "run oidc get",
		short: "Print an OIDC token of the job, with claims of your choice",
		long: "The token proves to others what this job is, for an hour unless something else is set. The claim that can be chosen is aud, " +
			"a text or a list of texts: --claims '{\"aud\": \"vault\"}'. The token is masked in the output of steps.",
		flags: flags,
	}
	claims := flags.String("claims", "", "claims as a JSON object")
	v2 := flags.Bool("v2", false, "with the subject of CIRCLE_OIDC_TOKEN_V2")
	k.run = func(ctx context.Context, c *Call, args []string) error {
		if len(args) > 0 {
			return usageError{fmt.Sprintf("unexpected argument %q", args[0])}
		}
		request, err := tokenRequest(flags, *claims, *v2)
		if err != nil {
			return err
		}
		var token answer.Token
		if err := c.ask(ctx, answer.PathToken, request, &token); err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.Stdout, token.Token)
		return err
	}
	return k
}

func tokenRequest(flags *pflag.FlagSet, claims string, v2 bool) (answer.TokenRequest, error) {
	request := answer.TokenRequest{V2: v2}
	if !flags.Changed("claims") {
		return request, nil
	}
	var chosen struct {
		Audience json.RawMessage `json:"aud"`
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(claims)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&chosen); err != nil {
		return request, usageError{fmt.Sprintf("--claims must be an object with the claim aud, such as '{\"aud\": \"vault\"}': %v", err)}
	}
	if len(chosen.Audience) == 0 {
		return request, nil
	}
	var one string
	if json.Unmarshal(chosen.Audience, &one) == nil {
		request.Audience = []string{one}
		return request, nil
	}
	if err := json.Unmarshal(chosen.Audience, &request.Audience); err != nil {
		return request, usageError{"the claim aud must be a text or a list of texts"}
	}
	return request, nil
}
