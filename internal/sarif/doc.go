// SPDX-License-Identifier: MPL-2.0

// Package sarif writes mistakes in configs as a SARIF 2.1.0 log, the form in
// which code hosts and editors take the results of static checks. It has the
// few objects of the format that a compiler needs.
package sarif
