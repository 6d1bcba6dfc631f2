// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/pipe"
)

// SSHPlaces is a client of core.SSHPlaces.
type SSHPlaces struct{ caller *Caller }

// SSHPlaces returns a client of core.SSHPlaces.
func (p Peers) SSHPlaces() *SSHPlaces { return &SSHPlaces{p.caller("output")} }

// SSHPlaces implements core.SSHPlaces.
func (r *SSHPlaces) SSHPlaces(ctx context.Context, tasks []core.TaskID) ([]core.SSHPlace, error) {
	return call[[]core.SSHPlace](ctx, r.caller, "ssh-places", tasks)
}

// instances is how many instances of output are asked for an agent that is not
// connected to each: requests go to them in turn.
const instances = 8

// CallSSH implements core.SSHPlaces. The connection lives until it is closed or
// ctx ends.
func (r *SSHPlaces) CallSSH(ctx context.Context, c core.SSHCall) (conn io.ReadWriteCloser, err error) {
	for range instances {
		conn, err = r.caller.upgrade(ctx, "call-ssh", c)
		if core.ErrorCode(err) != core.CodeUnavailable {
			break
		}
	}
	return conn, err
}

// upgrade makes a call whose answer is a connection.
func (c *Caller) upgrade(ctx context.Context, method string, in any) (io.ReadWriteCloser, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", method, err)
	}
	request, err := c.request(ctx, method, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	pipe.Ask(request)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.unreachable(ctx, method, err)
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		return pipe.Opened(response)
	}
	defer response.Body.Close()
	return nil, readError(response)
}
