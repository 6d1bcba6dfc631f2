// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"encoding/json"
	"fmt"
	"time"
)

// uuid is an identifier: UUID and ID of the schema. Its form is not checked,
// since nothing has the identifier that is none.
type uuid string

// ImplementsGraphQLType implements the library's Unmarshaler.
func (uuid) ImplementsGraphQLType(name string) bool { return name == "UUID" || name == "ID" }

// UnmarshalGraphQL implements the library's Unmarshaler.
func (u *uuid) UnmarshalGraphQL(input any) error {
	text, ok := input.(string)
	if !ok || len(text) > 64 {
		return fmt.Errorf("an identifier is a string of at most 64 bytes")
	}
	*u = uuid(text)
	return nil
}

// anything is the scalar Any.
type anything struct{ value any }

// ImplementsGraphQLType implements the library's Unmarshaler.
func (anything) ImplementsGraphQLType(name string) bool { return name == "Any" }

// UnmarshalGraphQL implements the library's Unmarshaler.
func (a *anything) UnmarshalGraphQL(input any) error {
	a.value = input
	return nil
}

// MarshalJSON writes the value itself.
func (a anything) MarshalJSON() ([]byte, error) { return json.Marshal(a.value) }

// moment writes a time as CircleCI does.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
