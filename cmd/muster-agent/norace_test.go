// SPDX-License-Identifier: MPL-2.0

//go:build !race

package main

// raceDetector says that figures of memory mean nothing in this build.
const raceDetector = false
