// SPDX-License-Identifier: MPL-2.0

package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
)

// JSON is a value that a row keeps as JSON in a TEXT column, for what is only
// ever read and written whole. NULL and "" read as the zero V.
type JSON[T any] struct{ V T }

// Value implements driver.Valuer.
func (j JSON[T]) Value() (driver.Value, error) {
	b, err := json.Marshal(j.V)
	if err != nil {
		return nil, fmt.Errorf("encoding %T for the database: %w", j.V, err)
	}
	return string(b), nil
}

// Scan implements sql.Scanner.
func (j *JSON[T]) Scan(src any) error {
	var text []byte
	switch v := src.(type) {
	case nil:
	case string:
		text = []byte(v)
	case []byte:
		text = v
	default:
		return fmt.Errorf("decoding %T from the database: the column is a %T, want TEXT", j.V, src)
	}
	// A fresh value: decoding into what was there would mix two rows' maps.
	var v T
	if len(text) > 0 {
		if err := json.Unmarshal(text, &v); err != nil {
			return fmt.Errorf("decoding %T from the database: %w", v, err)
		}
	}
	j.V = v
	return nil
}
