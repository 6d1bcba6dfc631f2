// SPDX-License-Identifier: MPL-2.0

package api

// StuckRow is work that failed too often and waits for an administrator.
type StuckRow struct {
	Service   string `json:"service"`
	Table     string `json:"table"`
	ID        string `json:"id"`
	Tries     int    `json:"tries"`
	LastError string `json:"last_error"`
}

// StuckRows is such work of some services. Away names services that could not be
// asked.
type StuckRows struct {
	Items []StuckRow `json:"items"`
	Away  []string   `json:"away"`
}

// StuckRetry names the work of a service that is to be tried again: one row by
// its id, or with All every row.
type StuckRetry struct {
	Service string `json:"service"`
	Table   string `json:"table,omitempty"`
	ID      string `json:"id,omitempty"`
	All     bool   `json:"all,omitempty"`
}
