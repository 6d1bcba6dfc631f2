// SPDX-License-Identifier: MPL-2.0

// Package testx starts the programs that Muster leans on for one test: Vault,
// Consul and Nomad in dev mode and an S3 server, on free ports and with folders of
// their own.
//
// A program is taken from PATH or from where `make tools` puts it. Where it is
// missing the test is skipped with the reason, or fails if MUSTER_REQUIRE_TOOLS
// is 1, as it is where all of them are meant to be there.
//
// Nothing outlives the test: a program and all it has started are ended by
// their process ids, and if the test process itself is killed the kernel ends
// the program.
//
// RaceDetector lets tests do less where the race detector makes everything slow.
package testx
