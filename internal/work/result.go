// SPDX-License-Identifier: MPL-2.0

package work

import (
	"errors"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

type kind int

const (
	kindNone kind = iota // a handler that forgot the row
	kindDone
	kindDelete
	kindAgain
	kindFail
	kindRelease // the loop stops; as if it had never been claimed
)

// Result is what a handler says of one row. The zero Result counts as a
// failure.
type Result struct {
	kind kind
	at   time.Time
	err  error
}

// Done says that there is nothing more to do. A row that was marked due
// meanwhile is handled again at once.
func Done() Result { return Result{kind: kindDone} }

// Delete says that the row has served its purpose. A row that was marked due
// meanwhile stays, and is handled again at once.
func Delete() Result { return Result{kind: kindDelete} }

// Again says that the row was handled well and is to be looked at again at the
// given time; sooner when it is, or was meanwhile, marked due.
func Again(at time.Time) Result { return Result{kind: kindAgain, at: at} }

// Fail says that the row could not be handled and is to be tried again after a
// back-off. The MaxTries-th failure in a row sets it aside, unless it was marked
// due meanwhile. An error that says that something is away
// (core.CodeUnavailable, or the database) backs off without counting.
func Fail(err error) Result {
	if err == nil {
		err = errors.New("failed without an error")
	}
	return Result{kind: kindFail, err: err}
}

// outOfReach reports whether err lies with what the handler leans on and not
// with the row.
func outOfReach(err error) bool {
	return core.ErrorCode(err) == core.CodeUnavailable || store.IsUnavailable(err)
}

const maxErrorText = 1024

// errorText fits an error into its column: PostgreSQL takes neither NUL nor
// broken UTF-8.
func errorText(err error) string {
	text := strings.ReplaceAll(err.Error(), "\x00", "")
	if len(text) > maxErrorText {
		text = text[:maxErrorText]
	}
	return strings.ToValidUTF8(text, "")
}
