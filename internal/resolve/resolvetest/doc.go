// SPDX-License-Identifier: MPL-2.0

// Package resolvetest holds what every resolve.Catalog must do.
package resolvetest
