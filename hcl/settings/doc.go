// SPDX-License-Identifier: MPL-2.0

// Package settings reads the HCL file that configures a Muster process.
//
// The file has a block for each thing outside (store, objects, secrets,
// catalog, workload, cluster) and one for each service, whose name is the
// service's and whose attributes are the fields of its Config. Everything has a
// default. Values may use env("NAME") and file("path"), which is how what Vault
// hands to an allocation gets in: nothing secret has to stand in the file.
//
// Durations are written as "90s" or "1h30m".
package settings
