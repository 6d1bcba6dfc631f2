// SPDX-License-Identifier: MPL-2.0

// Package house holds the rules of the code base that a compiler does not
// check: which way imports point, which package may use which library, and that
// a service has one name in all the places where it has one. They are tests.
package house
