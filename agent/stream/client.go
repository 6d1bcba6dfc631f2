// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/pipe"
	"github.com/muster-ci/muster/internal/wire"
)

const (
	// requestTimeout bounds a call with a small answer, from dialling on.
	requestTimeout = 60 * time.Second
	// maxAnswer bounds an answer; a claim's holds the plan and the secrets, and
	// nothing is longer than timings.
	maxAnswer = wire.MaxTimings
)

// StatusError is an answer that is not 2xx.
type StatusError struct {
	Status int
	Answer wire.Error
}

// Error returns what the receiver said.
func (e *StatusError) Error() string {
	if e.Answer.Message == "" {
		return fmt.Sprintf("output answered %d", e.Status)
	}
	return fmt.Sprintf("output answered %d: %s", e.Status, e.Answer.Message)
}

// Final tells whether the answer ends the agent's work.
func (e *StatusError) Final() bool {
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden || e.Status == http.StatusGone
}

// Client makes the calls of package wire. It stays with one address as long as
// that answers. One goroutine sends frames and heartbeats; others may fetch.
type Client struct {
	http      *http.Client
	addresses []string

	mu    sync.Mutex
	at    int // the address in use
	token string
}

// NewClient returns a Client of addresses such as http://10.0.0.7:8585, of
// which there is at least one. It uses no proxy: the variables that name one
// are the build's.
func NewClient(addresses []string) *Client {
	transport := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		IdleConnTimeout:       2 * time.Minute,
		MaxIdleConnsPerHost:   2,
	}
	return &Client{http: &http.Client{Transport: transport}, addresses: addresses}
}

// Addresses returns how many there are; a failed call has turned to the next.
func (c *Client) Addresses() int { return len(c.addresses) }

// Claim asks for the work of the attempt that identity names, and keeps the
// token of the answer for all further calls.
func (c *Client) Claim(ctx context.Context, identity string, request wire.ClaimRequest) (wire.ClaimResponse, error) {
	var answer wire.ClaimResponse
	err := c.json(ctx, wire.PathClaim, identity, request, &answer)
	if err != nil {
		return wire.ClaimResponse{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = answer.Token
	return answer, nil
}

// Heartbeat says that the agent lives.
func (c *Client) Heartbeat(ctx context.Context, beat wire.Heartbeat) (wire.Acks, error) {
	var acks wire.Acks
	err := c.json(ctx, wire.PathHeartbeat, "", beat, &acks)
	return acks, err
}

// Frames sends a body of frames that is compressed with zstd.
func (c *Client) Frames(ctx context.Context, body []byte) (wire.Acks, error) {
	var acks wire.Acks
	header := http.Header{"Content-Type": {wire.ContentType}, "Content-Encoding": {"zstd"}}
	err := c.call(ctx, wire.PathFrames, "", header, body, &acks)
	return acks, err
}

// Source opens the bundle of the task's source. The caller closes it.
func (c *Client) Source(ctx context.Context) (io.ReadCloser, error) {
	address, token := c.current()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+wire.PathSource, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for the source: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := c.http.Do(request)
	if err != nil {
		c.turn(address)
		return nil, fmt.Errorf("asking for the source: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, statusError(response)
	}
	return response.Body, nil
}

// Call posts in as JSON to a path of package wire, authenticated as the
// attempt, and reads the answer into out. It tries once: an error that is not a
// final StatusError is worth another try.
func (c *Client) Call(ctx context.Context, path string, in, out any) error {
	return c.json(ctx, path, "", in, out)
}

// All returns the addresses of output.
func (c *Client) All() []string { return slices.Clone(c.addresses) }

// Upgrade opens a connection to a path at one address, authenticated as the
// attempt. It lives until it is closed.
func (c *Client) Upgrade(ctx context.Context, address, path string) (io.ReadWriteCloser, error) {
	_, token := c.current()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(address, "/")+path, nil)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	pipe.Ask(request)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("connecting to output: %w", err)
	}
	if response.StatusCode/100 != 1 && response.StatusCode/100 != 2 {
		defer response.Body.Close()
		return nil, statusError(response)
	}
	conn, err := pipe.Opened(response)
	if err != nil {
		response.Body.Close()
	}
	return conn, err
}

// Address returns the address of output in use, without a slash at its end.
func (c *Client) Address() string {
	address, _ := c.current()
	return address
}

func (c *Client) json(ctx context.Context, path, bearer string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encoding the request: %w", err)
	}
	return c.call(ctx, path, bearer, http.Header{"Content-Type": {"application/json"}}, body, out)
}

// call posts to the address in use, and turns to the next one when that does
// not answer as it should.
func (c *Client) call(ctx context.Context, path, bearer string, header http.Header, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	address, token := c.current()
	if bearer == "" {
		bearer = token
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	request.Header = header
	request.Header.Set("Authorization", "Bearer "+bearer)
	response, err := c.http.Do(request)
	if err != nil {
		c.turn(address)
		return fmt.Errorf("talking to output: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		if response.StatusCode >= 500 || response.StatusCode == http.StatusNotFound {
			c.turn(address)
		}
		return statusError(response)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(out); err != nil {
		c.turn(address)
		return fmt.Errorf("reading output's answer: %w", err)
	}
	io.Copy(io.Discard, io.LimitReader(response.Body, 4<<10)) // lets the connection be used again
	return nil
}

func (c *Client) current() (address, token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.TrimRight(c.addresses[c.at], "/"), c.token
}

// turn moves on from an address that failed, unless someone has already.
func (c *Client) turn(failed string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.TrimRight(c.addresses[c.at], "/") == failed {
		c.at = (c.at + 1) % len(c.addresses)
	}
}

// statusError reads an answer that is not 2xx. A body that is none of ours (a
// proxy's page) leaves only the status.
func statusError(response *http.Response) error {
	e := &StatusError{Status: response.StatusCode}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && json.Unmarshal(body, &e.Answer) != nil {
		e.Answer = wire.Error{Code: core.CodeInternal}
	}
	return e
}
