// SPDX-License-Identifier: MPL-2.0

package core

// Source says which tree a pipeline builds and how a job gets it.
type Source struct {
	// RepositoryURL is what git clones; empty when Bundle carries the history.
	RepositoryURL string `json:"repository_url,omitempty"`
	// Bundle is the object key of an uploaded git bundle (git-bundle(1)), the
	// road of `muster run` for a repository that no server can reach.
	Bundle   string `json:"bundle,omitempty"`
	Branch   string `json:"branch,omitempty"`
	Tag      string `json:"tag,omitempty"`
	Revision string `json:"revision,omitempty"` // 40 hexadecimal digits once resolved
	Subject  string `json:"subject,omitempty"`  // first line of the commit message
	Body     string `json:"body,omitempty"`     // the rest of it
	Author   string `json:"author,omitempty"`   // the commit author's name
	// Fork names the repository, by the forge's word for it, that a pull request
	// from outside comes from; "" for the project's own. What a fork's pipelines
	// keep as caches is seen by that fork's pipelines alone.
	Fork string `json:"fork,omitempty"`
}
