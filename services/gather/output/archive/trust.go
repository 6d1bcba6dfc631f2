// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"strings"

	"github.com/muster-ci/muster/core"
)

// Whose a cache is stands in the column fork, so that each owner has its own
// keys:
//
//	""                the project's: in a project that protects its caches, those
//	                  of its default branch
//	"gh/somebody/x"   a fork's
//	"ref:branch:b"    in a project that protects its caches, those of a branch or
//	                  of a tag that anybody may push
//
//	jobs of            save to      restore from
//	the default branch ""           ""
//	another ref        its own      its own, ""
//	a fork             its own      its own
//
// A job that somebody may log in to, and one whose code came in a bundle, can be
// made to save anything: those save to the ref whatever it is.
const ofRef = "ref:"

// ownerOf returns what the caches of a task are marked with.
func ownerOf(spec core.TaskSpec) string {
	source, project := spec.Pipeline.Source, spec.Pipeline.Project
	if source.Fork != "" || !project.Settings.ProtectCaches {
		return source.Fork
	}
	trusted := source.Tag == "" && source.Branch != "" && source.Branch == project.DefaultBranch && source.Bundle == "" && spec.SSH == nil
	switch {
	case trusted:
		return ""
	case source.Tag != "":
		return ofRef + "tag:" + source.Tag
	default:
		return ofRef + "branch:" + source.Branch
	}
}

// owners are those whose caches a task may restore, its own first.
func (w scope) owners() []string {
	if strings.HasPrefix(w.Fork, ofRef) {
		return []string{w.Fork, ""}
	}
	return []string{w.Fork}
}

// shown takes the mark apart for people.
func shown(owner string) (fork, ref string) {
	if ref, ok := strings.CutPrefix(owner, ofRef); ok {
		return "", ref
	}
	return owner, ""
}
