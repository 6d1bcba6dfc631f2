// SPDX-License-Identifier: MPL-2.0

// Package scenario runs end-to-end scenarios against a Muster, whatever it
// stands on. A scenario is two files in e2e/scenarios: an ordinary CircleCI
// config, and beside it the verdict, a JSON file that says what must come out.
package scenario
