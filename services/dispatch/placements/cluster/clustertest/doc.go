// SPDX-License-Identifier: MPL-2.0

// Package clustertest holds what every cluster.Cluster promises, as a suite of
// tests that each of them runs, and a Fake for the tests of those who use one.
package clustertest
