// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/httpx"
)

// timeout of one call. A peer that takes longer is as good as away; the row
// that made us call is still there for another try.
const timeout = 30 * time.Second

// Caller makes calls to one service. Safe for concurrent use.
type Caller struct {
	http    *http.Client
	service string
	token   func(context.Context) (string, error)
}

// NewCaller returns a caller of the named service. Transport takes requests for
// the host "<service>.muster" (resolve.Catalog has one); token returns our own
// workload identity.
func NewCaller(service string, transport http.RoundTripper, token func(context.Context) (string, error)) *Caller {
	return &Caller{http: &http.Client{Transport: transport}, service: service, token: token}
}

// call makes one call and decodes its result.
func call[Out any](ctx context.Context, c *Caller, method string, in any) (Out, error) {
	var out Out
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	response, err := c.post(ctx, method, in)
	if err != nil {
		return out, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, httpx.MaxBody)).Decode(&out); err != nil {
		return out, core.Errorf(core.CodeUnavailable, "reading the answer of %s to %s: %w", c.service, method, err)
	}
	return out, nil
}

// act makes a call that has no result.
func act(ctx context.Context, c *Caller, method string, in any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	response, err := c.post(ctx, method, in)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 4<<10)) // lets the connection be used again
	return response.Body.Close()
}

// post sends a call and returns the answer when it is 2xx; its body is the
// caller's to close.
func (c *Caller) post(ctx context.Context, method string, in any) (*http.Response, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", method, err)
	}
	request, err := c.request(ctx, method, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.unreachable(ctx, method, err)
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer response.Body.Close()
	return nil, readError(response)
}

// request makes a call's request, with our identity.
func (c *Caller) request(ctx context.Context, method string, body io.Reader) (*http.Request, error) {
	url := "http://" + c.service + ".muster/" + c.service + "/v1/" + method
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return nil, fmt.Errorf("making the request for %s: %w", method, err)
	}
	token, err := c.token(ctx)
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "reading our own identity: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	return request, nil
}

// unreachable keeps a typed error of the transport and the end of ctx; all else
// that goes wrong on the way means that the peer is away.
func (c *Caller) unreachable(ctx context.Context, method string, err error) error {
	var typed *core.Error
	if errors.As(err, &typed) {
		return typed
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return core.Errorf(core.CodeUnavailable, "calling %s of %s: %w", method, c.service, err)
}

// readError restores the error of the other side.
func readError(response *http.Response) error {
	var body httpx.ErrorBody
	if err := json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&body); err != nil || body.Code == "" {
		return core.Errorf(httpx.Code(response.StatusCode), "the service answered %s", response.Status)
	}
	return &core.Error{Code: body.Code, Message: body.Message}
}
