// SPDX-License-Identifier: MPL-2.0

package answer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// Caller asks the agent.
type Caller struct {
	http http.Client
}

// NewCaller returns a Caller of the socket at path. Nothing is opened yet.
func NewCaller(path string) *Caller {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		short, release, err := shorten(path)
		if err != nil {
			return nil, err
		}
		defer release()
		return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "unix", short)
	}
	return &Caller{http: http.Client{Timeout: callTimeout, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Call posts in as JSON to a path and reads the answer into out, which may be
// nil. What the agent refuses is a core.Error with its words; an agent that
// cannot be reached is CodeUnavailable.
func (c *Caller) Call(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encoding the request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://agent"+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return core.Errorf(core.CodeUnavailable, "the job's agent cannot be reached: %w", unwrapURL(err))
	}
	defer response.Body.Close()
	answer := json.NewDecoder(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode != http.StatusOK {
		var refused wire.Error
		if err := answer.Decode(&refused); err != nil || refused.Message == "" {
			return core.Errorf(core.CodeInternal, "the job's agent answered %d", response.StatusCode)
		}
		return core.Errorf(refused.Code, "%s", refused.Message)
	}
	if out == nil {
		return nil
	}
	if err := answer.Decode(out); err != nil {
		return fmt.Errorf("reading the agent's answer: %w", err)
	}
	return nil
}

// unwrapURL leaves out the address that net/http puts before a cause: it is
// made up.
func unwrapURL(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	return err
}
