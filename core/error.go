// SPDX-License-Identifier: MPL-2.0

package core

import (
	"errors"
	"fmt"
)

// Code says what kind of failure an Error is; it survives the wire. The HTTP
// status of each is in internal/httpx.
type Code string

// The codes. Anything that is not an *Error counts as CodeInternal.
const (
	CodeInvalid      Code = "invalid"      // the caller's input; repeating it cannot help
	CodeUnauthorized Code = "unauthorized" // who the caller is could not be established
	CodeForbidden    Code = "forbidden"    // the caller is known and may not
	CodeNotFound     Code = "not_found"    // no such thing, or none that the caller may see
	CodeConflict     Code = "conflict"     // the thing is in a state that rules this out
	CodeExhausted    Code = "exhausted"    // a limit is reached; later may help
	CodeUnavailable  Code = "unavailable"  // something leant on is away; trying again helps
	CodeInternal     Code = "internal"     // our fault
)

// Error is a failure with a kind and a sentence for the person who caused it.
// Message may be shown to a user; Err is for operators' logs only.
type Error struct {
	Code    Code
	Message string
	Err     error
}

// Error returns the message, and the cause behind it when there is one.
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Message
	case e.Message == "":
		return e.Err.Error()
	default:
		return e.Message + ": " + e.Err.Error()
	}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an *Error. A %w in the format becomes its cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// ErrorCode returns the code of the first *Error in the chain, CodeInternal for
// any other error and "" for nil.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// ErrorMessage returns what a user may read of err: the message of the first
// *Error in the chain, and for anything else a sentence that gives nothing away.
func ErrorMessage(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Code != CodeInternal {
		return e.Message
	}
	return "Something went wrong on our side; the operator's log of the service has the details."
}
