// SPDX-License-Identifier: MPL-2.0

// Package gatewaytest is a platform in memory behind a real gateway: every
// service that the gateway asks, small but behaving, for tests of the gateway
// and of what calls it.
//
// Pipelines play a Script. Where a test wants to say itself what happens and
// when, it leaves the script empty and uses the methods of Platform that change
// jobs, steps and output.
package gatewaytest
