// SPDX-License-Identifier: MPL-2.0

//go:build race

package testx

// RaceDetector says whether this build looks for data races: everything takes
// five to twenty times as long then, and figures of memory mean nothing.
const RaceDetector = true
