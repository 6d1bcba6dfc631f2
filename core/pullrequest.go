// SPDX-License-Identifier: MPL-2.0

package core

// MaxPullRequests is how many pull requests a trigger may bring along; whoever
// hears of more brings the first of them.
const MaxPullRequests = 50

// PullRequest is what a forge says of a pull request, as it was when the event
// happened.
type PullRequest struct {
	Number int64  `json:"number"`
	URL    string `json:"url"` // where people read it
	Title  string `json:"title,omitempty"`
	// Author is who opened it, by the forge's name of that person.
	Author string `json:"author,omitempty"`
	Draft  bool   `json:"draft,omitempty"`
	Merged bool   `json:"merged,omitempty"`
	// Base is the branch that it is to be merged into, Head the one that it
	// brings.
	Base BranchTip `json:"base"`
	Head BranchTip `json:"head"`
}

// BranchTip is a branch, by its name alone, and the commit that it ends in.
type BranchTip struct {
	Branch   string `json:"branch,omitempty"`
	Revision string `json:"revision,omitempty"`
}
