// SPDX-License-Identifier: MPL-2.0

package answer

import "github.com/muster-ci/muster/core"

// The paths of what the agent itself answers. All are POST.
const (
	PathHalt        = "/v1/halt"         // nothing -> nothing
	PathMask        = "/v1/mask"         // Mask -> Masked
	PathFailedTests = "/v1/failed-tests" // nothing -> FailedTests
	PathToken       = "/v1/oidc-token"   // TokenRequest -> Token
	PathTimings     = "/v1/timings"      // wire.TimingsRequest -> wire.Timings
)

// Nothing is the request or answer of a call that needs none.
type Nothing struct{}

// Mask adds secrets to those that are replaced in output.
type Mask struct {
	Values []string `json:"values"`
}

// Masked says how many of the values can be masked; the others are too short,
// or words such as true.
type Masked struct {
	Taken int `json:"taken"`
}

// FailedTests are what a rerun of failed tests is about; none in a job that is
// no such rerun.
type FailedTests struct {
	Tests []core.FailedTest `json:"tests,omitempty"`
}

// TokenRequest asks for an OIDC token of the job.
type TokenRequest struct {
	Audience []string `json:"audience,omitempty"`
	V2       bool     `json:"v2,omitempty"` // with the longer subject
}

// Token is one. Unlike other secrets a build may ask for it, and its own steps
// have one in their environment anyway.
type Token struct {
	Token string `json:"token"`
}
