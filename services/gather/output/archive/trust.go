// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"strings"

	"github.com/muster-ci/muster/core"
)

// Whose a cache is stands in the column fork, so that each owner has its own
// keys; see core.TaskSpec.Owner.
//
//	jobs of            save to      restore from
//	the default branch ""           ""
//	another ref        its own      its own, ""
//	a fork             its own      its own

// owners are those whose caches a task may restore, its own first.
func (w scope) owners() []string {
	if strings.HasPrefix(w.Fork, core.RefOwner) {
		return []string{w.Fork, ""}
	}
	return []string{w.Fork}
}

// shown takes the mark apart for people.
func shown(owner string) (fork, ref string) {
	if ref, ok := strings.CutPrefix(owner, core.RefOwner); ok {
		return "", ref
	}
	return owner, ""
}
