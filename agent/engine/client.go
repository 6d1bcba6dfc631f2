// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// awaitPause lies between two questions to an engine that starts: nothing tells
// when it is up.
const awaitPause = 100 * time.Millisecond

// Client asks a Docker engine the few things that an agent wants of it.
type Client struct{ http *http.Client }

// NewClient returns one for an address such as tcp://127.0.0.1:2375 or
// unix:///run/docker.sock. It connects for each request anew.
func NewClient(address string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "tcp" && u.Scheme != "unix" {
		return nil, fmt.Errorf("%q is no address of a Docker engine", address)
	}
	where := u.Host
	if u.Scheme == "unix" {
		where = u.Path
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, u.Scheme, where)
	}
	return &Client{&http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}}}, nil
}

// Await asks until the engine answers and returns its version. When ctx ends
// first, the error is that of the last try.
func (c *Client) Await(ctx context.Context) (version string, err error) {
	for {
		var answer struct{ Version string }
		err := c.Do(ctx, http.MethodGet, "/version", &answer)
		if err == nil && answer.Version != "" {
			return answer.Version, nil
		}
		if err == nil {
			err = errors.New("it answers without a version")
		}
		timer := time.NewTimer(awaitPause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return "", err
		case <-timer.C:
		}
	}
}

// Do sends a request without a body, and reads the answer as JSON unless into is
// nil. A status of 400 or more is an error with the engine's words.
func (c *Client) Do(ctx context.Context, method, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://engine"+path, nil)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body := io.LimitReader(response.Body, 16<<20)
	if response.StatusCode >= http.StatusBadRequest {
		text, _ := io.ReadAll(io.LimitReader(body, 1000))
		return fmt.Errorf("%s %s: it answers %s: %s", method, path, response.Status, text)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(body).Decode(into)
}
