// SPDX-License-Identifier: MPL-2.0

// Package module runs the parts of one process: it starts them in order, waits
// until each is ready before the next begins, and stops them in reverse.
//
// A part is a Run that blocks until its context ends. The first part that ends
// with an error, or ends at all before it was asked to, ends the process:
// Nomad restarts it, which is simpler and safer than a supervisor of our own.
package module
