// SPDX-License-Identifier: MPL-2.0

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/muster-ci/muster/internal/api"
)

const (
	v2  = "/api/v2"
	own = "/api/muster/v1"
	// timeout bounds one call that is no stream and no upload.
	timeout = 60 * time.Second
	// maxAnswer is the most bytes of an answer that are read.
	maxAnswer = 64 << 20
)

// Client calls one installation as one user. It is safe for concurrent use.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New returns a client of the installation at base, an http(s) address. A nil
// transport means the default one.
func New(base, token string, transport http.RoundTripper) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not the address of a Muster installation; write it as http://host:port or https://host", base)
	}
	return &Client{base: strings.TrimRight(base, "/"), token: token, http: &http.Client{Transport: transport}}, nil
}

// Error is an answer that says no.
type Error struct {
	Status  int
	Message string
}

// Error returns the server's sentence.
func (e *Error) Error() string { return e.Message }

// IsStatus tells whether err is an answer with one of the statuses.
func IsStatus(err error, statuses ...int) bool {
	var answer *Error
	if !errors.As(err, &answer) {
		return false
	}
	for _, status := range statuses {
		if answer.Status == status {
			return true
		}
	}
	return false
}

// call sends in as JSON, when there is one, and reads the answer.
func call[Out any](ctx context.Context, c *Client, method, path string, in any, headers ...string) (Out, error) {
	var out Out
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return out, fmt.Errorf("encoding the request: %w", err)
		}
		body = bytes.NewReader(data)
		headers = append(headers, "Content-Type", "application/json")
	}
	response, err := c.send(ctx, method, path, body, headers...)
	if err != nil {
		return out, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&out); err != nil {
		return out, fmt.Errorf("reading the answer of %s: %w", c.base, err)
	}
	return out, nil
}

// send returns the answer when it is 2xx; its body is the caller's to close.
func (c *Client) send(ctx context.Context, method, path string, body io.Reader, headers ...string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	if c.token != "" {
		request.Header.Set("Circle-Token", c.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("calling %s: %w", c.base, unwrapURL(err))
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer response.Body.Close()
	return nil, readError(response)
}

// unwrapURL drops the repetition of method and address; a query could hold what
// should not be shown.
func unwrapURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

func readError(response *http.Response) error {
	var body api.Message
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&body); err != nil || body.Message == "" {
		body.Message = "the server answered " + response.Status
	}
	return &Error{Status: response.StatusCode, Message: body.Message}
}

// all reads every page of a list, up to a bound on pages.
func all[T any](ctx context.Context, c *Client, path string, pages int) ([]T, error) {
	return allOf[T](ctx, c, path, url.Values{}, pages)
}

// allOf is all with a query.
func allOf[T any](ctx context.Context, c *Client, path string, query url.Values, pages int) ([]T, error) {
	var items []T
	query = maps.Clone(query)
	for range pages {
		at := path
		if len(query) > 0 {
			at += "?" + query.Encode()
		}
		list, err := call[api.List[T]](ctx, c, http.MethodGet, at, nil)
		if err != nil {
			return nil, err
		}
		items = append(items, list.Items...)
		if list.NextPageToken == nil {
			break
		}
		query.Set("page-token", *list.NextPageToken)
	}
	return items, nil
}
