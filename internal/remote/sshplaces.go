// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/pipe"
	"github.com/muster-ci/muster/internal/resolve"
)

// SSHPlaces is a client of core.SSHPlaces.
type SSHPlaces struct{ caller *Caller }

// SSHPlaces returns a client of core.SSHPlaces.
func (p Peers) SSHPlaces() *SSHPlaces { return &SSHPlaces{p.caller("output")} }

// SSHPlaces implements core.SSHPlaces.
func (r *SSHPlaces) SSHPlaces(ctx context.Context, tasks []core.TaskID) ([]core.SSHPlace, error) {
	return call[[]core.SSHPlace](ctx, r.caller, "ssh-places", tasks)
}

// maxInstances bounds how many instances of output are asked.
const maxInstances = 64

// CallSSH implements core.SSHPlaces: it looks for the instance to which the
// job's agent is connected. The connection lives until it is closed or ctx ends.
func (r *SSHPlaces) CallSSH(ctx context.Context, c core.SSHCall) (io.ReadWriteCloser, error) {
	walk := resolve.EachOnce(ctx)
	var refused error
	for range maxInstances {
		conn, answered, err := r.caller.upgrade(walk, "call-ssh", c)
		if err == nil || core.ErrorCode(err) != core.CodeUnavailable {
			return conn, err
		}
		if !answered {
			return nil, cmp.Or(refused, err) // all have been asked, or none is there
		}
		refused = err
	}
	return nil, refused
}

// upgrade makes a call whose answer is a connection; answered tells an error that
// an instance said from one of the way to it.
func (c *Caller) upgrade(ctx context.Context, method string, in any) (conn io.ReadWriteCloser, answered bool, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, false, fmt.Errorf("encoding %s: %w", method, err)
	}
	request, err := c.request(ctx, method, bytes.NewReader(body))
	if err != nil {
		return nil, false, err
	}
	pipe.Ask(request)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, false, c.unreachable(ctx, method, err)
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		conn, err := pipe.Opened(response)
		return conn, true, err
	}
	defer response.Body.Close()
	return nil, true, readError(response)
}
