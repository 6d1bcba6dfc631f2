// SPDX-License-Identifier: MPL-2.0

// Package workloadtest holds what every workload.Verifier must do.
package workloadtest
