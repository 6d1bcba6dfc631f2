// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"encoding/base64"
	"encoding/json"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

const (
	defaultPage = 100
	maxPage     = 1000
	// maxToken holds the longest path in base64.
	maxToken = 2 * (wire.MaxArchivePath + 100)
)

// position is where a page ended: of artifacts at a task and a path, of caches
// at a moment and an id.
type position struct {
	Index int    `json:"n,omitempty"`
	Path  string `json:"p,omitempty"`
	At    int64  `json:"t,omitempty"`
	ID    string `json:"i,omitempty"`
}

func (p position) token() string {
	text, _ := json.Marshal(p) // of numbers and strings: cannot fail
	return base64.RawURLEncoding.EncodeToString(text)
}

// readPage returns how many are wanted, and behind what.
func readPage(p core.Page) (int, position, error) {
	var at position
	if p.Limit < 0 || p.Limit > maxPage {
		return 0, at, core.Errorf(core.CodeInvalid, "a page has 1 to %d entries; %d were asked for", maxPage, p.Limit)
	}
	if p.Limit == 0 {
		p.Limit = defaultPage
	}
	if p.Token == "" {
		return p.Limit, at, nil
	}
	if len(p.Token) <= maxToken {
		text, err := base64.RawURLEncoding.DecodeString(p.Token)
		if err == nil && json.Unmarshal(text, &at) == nil {
			return p.Limit, at, nil
		}
	}
	return 0, at, core.Errorf(core.CodeInvalid, "the page token is not one that this list gave out")
}
