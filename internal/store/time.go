// SPDX-License-Identifier: MPL-2.0

package store

import (
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"
)

// Time is a moment in a row: BIGINT microseconds since the epoch, NULL for the
// zero value. It is always UTC and cut to the microsecond, so what was written
// and what is read back are equal.
type Time struct{ t time.Time }

// At makes a Time of t. The zero time gives the zero Time.
func At(t time.Time) Time {
	if t.IsZero() {
		return Time{}
	}
	return Time{time.UnixMicro(t.UnixMicro()).UTC()}
}

// Time returns the moment, the zero time when there is none.
func (t Time) Time() time.Time { return t.t }

// Ptr returns the moment, nil when there is none; it is how nouns of core say
// "not yet".
func (t Time) Ptr() *time.Time {
	if t.t.IsZero() {
		return nil
	}
	at := t.t
	return &at
}

// IsZero reports whether there is no moment. It makes bun's nullzero and
// encoding/json's omitzero work.
func (t Time) IsZero() bool { return t.t.IsZero() }

// Equal reports whether both are the same moment, or both none.
func (t Time) Equal(u Time) bool { return t.t.Equal(u.t) }

// String returns the moment in RFC 3339, "" when there is none.
func (t Time) String() string {
	if t.t.IsZero() {
		return ""
	}
	return t.t.Format(time.RFC3339Nano)
}

// Value implements driver.Valuer.
func (t Time) Value() (driver.Value, error) {
	if t.t.IsZero() {
		return nil, nil
	}
	return t.t.UnixMicro(), nil
}

// Scan implements sql.Scanner.
func (t *Time) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t = Time{}
		return nil
	case int64:
		*t = Time{time.UnixMicro(v).UTC()}
		return nil
	case []byte:
		return t.parse(string(v))
	case string:
		return t.parse(v)
	default:
		return fmt.Errorf("reading a time from the database: it is a %T, want microseconds as BIGINT", src)
	}
}

func (t *Time) parse(s string) error {
	us, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("reading a time from the database: %w", err)
	}
	*t = Time{time.UnixMicro(us).UTC()}
	return nil
}
