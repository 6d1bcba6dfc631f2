// SPDX-License-Identifier: MPL-2.0

package core

// RefOwner begins the owners that are a branch or a tag of the project.
const RefOwner = "ref:"

// Owner returns whose the things are that a task keeps for later ones of its
// project, such as caches and layers of images:
//
//	""                the project's: in a project that protects its caches, those
//	                  of its default branch
//	"gh/somebody/x"   a fork's
//	"ref:branch:b"    in a project that protects its caches, those of a branch or
//	                  of a tag that anybody may push
//
// A job that somebody may log in to, and one whose code came in a bundle, can be
// made to keep anything: those keep for the ref whatever it is.
func (t TaskSpec) Owner() string {
	source, project := t.Pipeline.Source, t.Pipeline.Project
	if source.Fork != "" || !project.Settings.ProtectCaches {
		return source.Fork
	}
	trusted := source.Tag == "" && source.Branch != "" && source.Branch == project.DefaultBranch && source.Bundle == "" && t.SSH == nil
	switch {
	case trusted:
		return ""
	case source.Tag != "":
		return RefOwner + "tag:" + source.Tag
	default:
		return RefOwner + "branch:" + source.Branch
	}
}
