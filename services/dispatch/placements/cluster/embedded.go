// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"encoding/json"
	"os"
	"time"

	"github.com/muster-ci/muster/internal/workload"
)

// Issuer makes for an embedded cluster the workload identities that Nomad would
// make; *workload.Local is one.
type Issuer interface {
	Issue(c workload.Claims, ttl time.Duration) (string, error)
}

// WriteState writes an embedded cluster's record of a run as JSON, whole or not
// at all: a process that dies meanwhile leaves the older one. It need not
// survive the machine, since the run does not either.
func WriteState(path string, record any) error {
	b, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
