// SPDX-License-Identifier: MPL-2.0

//go:build tools

// Package tools pins the nomad-autoscaler that Muster is run and tested with. It is a
// program that we run, never code that we import.
package tools

import _ "github.com/hashicorp/nomad-autoscaler"
