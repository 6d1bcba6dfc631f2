// SPDX-License-Identifier: MPL-2.0

package junit

import "fmt"

// Limits bound what is taken from one file.
type Limits struct {
	Bytes   int64 // of the file
	JSON    int64 // of a file in JSON, whose parts are in memory at once
	Depth   int   // of elements in elements
	Tests   int
	Message int // bytes of a test's message; the rest is cut off
}

// DefaultLimits are more than what a tool writes on purpose.
func DefaultLimits() Limits {
	return Limits{Bytes: 256 << 20, JSON: 32 << 20, Depth: 200, Tests: 200_000, Message: 16 << 10}
}

// maxName is the most bytes of a name, a class or a file.
const maxName = 2 << 10

// FileError says, to people, what is wrong with a file.
type FileError struct{ message string }

func (e *FileError) Error() string { return e.message }

// ErrUnknown says that a file holds no test results of any known format.
var ErrUnknown = &FileError{"it holds no test results in a format that is known"}

// before is said of a file that was read in part.
const before = "; what stands before counts"

var errCutOff = &FileError{"it ends in the middle, as if its writer had been stopped" + before}

func errTooLong(limit int64) error {
	return &FileError{fmt.Sprintf("it is longer than %d MiB", limit>>20) + before}
}

func errTooDeep(limit int) error {
	return &FileError{fmt.Sprintf("its elements are nested deeper than %d", limit) + before}
}

func errTooMany(limit int) error {
	return &FileError{fmt.Sprintf("it has more than %d tests; the first %d count", limit, limit)}
}
