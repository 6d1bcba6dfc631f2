// SPDX-License-Identifier: MPL-2.0

// Package objectstest holds what every object store must do.
package objectstest
