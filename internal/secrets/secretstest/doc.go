// SPDX-License-Identifier: MPL-2.0

// Package secretstest holds what every implementation of the secrets seam must
// do.
package secretstest
