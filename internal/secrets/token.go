// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
)

// token is where the Vault token comes from. Nomad writes a new one into the
// task's file when the old one could not be renewed, without telling the task.
type token struct {
	file   string
	fixed  string
	logger hclog.Logger
}

func (t *token) read() (string, error) {
	if t.file == "" {
		if t.fixed == "" {
			return "", core.Errorf(core.CodeInvalid, "Vault needs a token: name its file, or give the token")
		}
		return t.fixed, nil
	}
	text, err := os.ReadFile(t.file)
	if err != nil {
		return "", fmt.Errorf("reading the Vault token: %w", err)
	}
	value := strings.TrimSpace(string(text))
	if value == "" {
		return "", core.Errorf(core.CodeInvalid, "the Vault token file %s is empty", t.file)
	}
	return value, nil
}

// changed returns the token of now when it is not the one that was used. A file
// that cannot be read counts as unchanged: Vault's own refusal tells more.
func (t *token) changed(used string) (string, bool) {
	fresh, err := t.read()
	if err != nil {
		t.logger.Warn("reading the vault token again failed", "error", err)
		return "", false
	}
	return fresh, fresh != used
}
