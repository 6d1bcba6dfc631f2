// SPDX-License-Identifier: MPL-2.0

// Package storetest gives tests databases to work on: SQLite always, and a
// real PostgreSQL that the test binary starts for itself, once, when the first
// test asks.
//
// The server is found in PATH or under /usr/lib/postgresql. It listens on a
// unix socket in a temporary folder, syncs nothing, and runs as an
// unprivileged user when the tests run as root, because it refuses root. It
// ends with the process of the tests, however that ends: a small shell script
// holds it and waits for the end of a pipe from the test binary.
package storetest
