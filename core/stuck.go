// SPDX-License-Identifier: MPL-2.0

package core

import "context"

// StuckRow is a row of work that failed too often and was set aside: it waits
// for a person.
type StuckRow struct {
	Service string `json:"service"`
	Table   string `json:"table"`
	ID      string `json:"id"` // not unique: two tables may have rows of one id
	Tries   int    `json:"tries"`
	// LastError is what the last try said, for operators.
	LastError string `json:"last_error"`
}

// StuckFilter picks rows that were set aside; empty fields pick all.
type StuckFilter struct {
	Table string `json:"table,omitempty"`
	ID    string `json:"id,omitempty"`
}

// Stuck is what a service with loops shows of the work that it gave up. It is
// for administrators.
type Stuck interface {
	// ListStuck returns at most 1000 rows of each table, in the order of tables
	// and ids.
	ListStuck(ctx context.Context, f StuckFilter) ([]StuckRow, error)
	// RetryStuck makes rows due again, with all their tries, and returns those
	// that it did that for: 1000 of each table at a time.
	RetryStuck(ctx context.Context, f StuckFilter) ([]StuckRow, error)
}
