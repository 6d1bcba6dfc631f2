// SPDX-License-Identifier: MPL-2.0

//go:build tools

// Package tools pins the command line of CircleCI that Muster is tested with. It
// is a program that we run, never code that we import.
package tools

import _ "github.com/CircleCI-Public/circleci-cli"
