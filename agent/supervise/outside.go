// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/muster-ci/muster/agent/ssh"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// jobTokens asks output for OIDC tokens of the job, in the words of core.
func (t *tracked) jobTokens(ctx context.Context, audience []string) (core.JobTokens, error) {
	var tokens core.JobTokens
	err := t.client.Call(ctx, wire.PathOIDC, wire.OIDCRequest{Audience: audience}, &tokens)
	return tokens, inWords(err)
}

// inWords makes an error of core of an answer that is one.
func inWords(err error) error {
	var answer *stream.StatusError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &answer):
		return core.Errorf(core.CodeUnavailable, "the output service cannot be reached: %w", err)
	case answer.Answer.Code == "" || answer.Answer.Message == "":
		return core.Errorf(core.CodeNotFound, "this installation has none")
	default:
		return &core.Error{Code: answer.Answer.Code, Message: answer.Answer.Message, Err: err}
	}
}

// outside keeps the job reachable through the gateway.
func (t *tracked) outside(ctx context.Context, serve func(net.Conn)) {
	ssh.Outside{Addresses: t.client.All(), Logger: t.logger, Dial: func(ctx context.Context, address string) (io.ReadWriteCloser, bool, error) {
		conn, err := t.client.Upgrade(ctx, address, wire.PathSSH)
		var answer *stream.StatusError
		final := errors.As(err, &answer) && (answer.Final() || answer.Status == http.StatusBadRequest)
		return conn, final, err
	}}.Run(ctx, serve)
}

// services asks output how the containers of the job fare.
func (t *tracked) services(ctx context.Context) ([]core.Container, error) {
	var answer wire.Containers
	err := t.client.Call(ctx, wire.PathContainers, struct{}{}, &answer)
	return answer.Containers, inWords(err)
}
