// SPDX-License-Identifier: MPL-2.0

package follow

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/core"
)

// MaxCursor is the most bytes of a cursor that is taken or given out.
const MaxCursor = 16 << 10

// Cursor says what a reader has got, so that it can go on there on any
// instance. The text form is small because job numbers count up:
//
//	j1-3,7;a<attempt>/0-2/3@1024+4@12
//
// Jobs 1 to 3 and 7 are complete; of the attempt, steps 0 to 2 are, and of
// steps 3 and 4 the bytes up to the offsets.
type Cursor struct {
	jobs     map[int64]bool
	attempts map[core.AttemptID]*attemptCursor
}

type attemptCursor struct {
	done    map[int64]bool
	offsets map[int]int64
}

func newCursor() *Cursor {
	return &Cursor{jobs: map[int64]bool{}, attempts: map[core.AttemptID]*attemptCursor{}}
}

func (c *Cursor) attempt(id core.AttemptID) *attemptCursor {
	a := c.attempts[id]
	if a == nil {
		a = &attemptCursor{done: map[int64]bool{}, offsets: map[int]int64{}}
		c.attempts[id] = a
	}
	return a
}

func (c *Cursor) advance(id core.AttemptID, step int, offset int64) {
	c.attempt(id).offsets[step] = offset
}

func (c *Cursor) endStep(id core.AttemptID, step int) {
	a := c.attempt(id)
	a.done[int64(step)] = true
	delete(a.offsets, step)
}

// endJob forgets the attempts of a job in favour of its number.
func (c *Cursor) endJob(number int64, attempts []core.AttemptSteps) {
	if number > 0 {
		c.jobs[number] = true
	}
	for _, a := range attempts {
		delete(c.attempts, a.Attempt)
	}
}

// String returns the text form, "" when it would be longer than MaxCursor: the
// reader then keeps an older one and gets some of the output again.
func (c *Cursor) String() string {
	var b strings.Builder
	b.WriteString("j" + ranges(c.jobs))
	for _, id := range slices.Sorted(maps.Keys(c.attempts)) {
		a := c.attempts[id]
		b.WriteString(";a" + string(id) + "/" + ranges(a.done) + "/")
		for i, step := range slices.Sorted(maps.Keys(a.offsets)) {
			if i > 0 {
				b.WriteByte('+')
			}
			fmt.Fprintf(&b, "%d@%d", step, a.offsets[step])
		}
	}
	if b.Len() > MaxCursor {
		return ""
	}
	return b.String()
}

// ParseCursor reads the text form; "" is the beginning.
func ParseCursor(text string) (*Cursor, error) {
	c := newCursor()
	if text == "" {
		return c, nil
	}
	if len(text) > MaxCursor {
		return nil, badCursor()
	}
	for part := range strings.SplitSeq(text, ";") {
		if part == "" || !c.read(part[0], part[1:]) {
			return nil, badCursor()
		}
	}
	return c, nil
}

func badCursor() error {
	return core.Errorf(core.CodeInvalid, "The place to resume from is not one that this stream gave out; leave Last-Event-ID away to start at the beginning.")
}

func (c *Cursor) read(kind byte, text string) bool {
	switch kind {
	case 'j':
		return readRanges(text, c.jobs)
	case 'a':
		parts := strings.Split(text, "/")
		if len(parts) != 3 || parts[0] == "" {
			return false
		}
		a := c.attempt(core.AttemptID(parts[0]))
		return readRanges(parts[1], a.done) && readOffsets(parts[2], a.offsets)
	default:
		return false
	}
}

func readOffsets(text string, into map[int]int64) bool {
	if text == "" {
		return true
	}
	for item := range strings.SplitSeq(text, "+") {
		left, right, _ := strings.Cut(item, "@")
		step, err := strconv.ParseUint(left, 10, 31)
		offset, err2 := strconv.ParseUint(right, 10, 62)
		if err != nil || err2 != nil {
			return false
		}
		into[int(step)] = int64(offset)
	}
	return true
}

// ranges writes a set of numbers as "1-3,7".
func ranges(set map[int64]bool) string {
	numbers := slices.SortedFunc(maps.Keys(set), cmp.Compare[int64])
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		part := strconv.FormatInt(numbers[i], 10)
		if j > i {
			part += "-" + strconv.FormatInt(numbers[j], 10)
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// maxNumbers bounds what a short text can blow up to ("1-999999999").
const maxNumbers = 200_000

func readRanges(text string, into map[int64]bool) bool {
	if text == "" {
		return true
	}
	for item := range strings.SplitSeq(text, ",") {
		left, right, isRange := strings.Cut(item, "-")
		if !isRange {
			right = left
		}
		first, err := strconv.ParseUint(left, 10, 62)
		last, err2 := strconv.ParseUint(right, 10, 62)
		if err != nil || err2 != nil || last < first || last-first >= uint64(maxNumbers-len(into)) {
			return false
		}
		for n := first; n <= last; n++ {
			into[int64(n)] = true
		}
	}
	return true
}
