// SPDX-License-Identifier: MPL-2.0

// Package client speaks Muster's public HTTP API, typed by the shapes of
// internal/api. The command line is made of it; nothing inside the platform
// uses it, since services talk through internal/remote.
package client
