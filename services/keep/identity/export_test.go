// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"context"
	"io/fs"
	"testing/fstest"
)

// TurnKeys is one turn of the loop, for tests that set the clock.
func (s *Service) TurnKeys(ctx context.Context) error { return s.turnKeys(ctx) }

// OlderMigrations are those of before private halves stayed in the signer.
func OlderMigrations() fs.FS {
	older := fstest.MapFS{}
	for _, name := range []string{"001_identity.sql", "002_keys.sql"} {
		content, err := migrations.ReadFile("migrations/" + name)
		if err != nil {
			panic(err)
		}
		older[name] = &fstest.MapFile{Data: content}
	}
	return older
}
