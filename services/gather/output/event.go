// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// Bounds of what an event may put into a row, in bytes. Longer texts are cut
// and not refused: the build is right even when its agent is talkative.
const (
	maxName   = 1 << 10
	maxText   = 4 << 10
	maxEvents = 64 << 20 // of one attempt
)

// parseEvents cuts text into lines and reads each. It returns the rest behind
// the last line end. One bad line refuses all, so that nothing is half taken.
// Events of a type that is not known are skipped: a newer agent may have more
// to tell than this server understands.
func parseEvents(text []byte, now time.Time) (events []wire.Event, rest []byte, err error) {
	for {
		end := bytes.IndexByte(text, '\n')
		if end >= wire.MaxEvent || end < 0 && len(text) >= wire.MaxEvent {
			return nil, nil, core.Errorf(core.CodeInvalid, "an event is longer than %d bytes", wire.MaxEvent)
		}
		if end < 0 {
			return events, text, nil
		}
		line := bytes.TrimSpace(text[:end])
		text = text[end+1:]
		if len(line) == 0 {
			continue
		}
		e, known, err := parseEvent(line, now)
		if err != nil {
			return nil, nil, err
		}
		if known {
			events = append(events, e)
		}
	}
}

func parseEvent(line []byte, now time.Time) (e wire.Event, known bool, err error) {
	if err := json.Unmarshal(line, &e); err != nil {
		return e, false, core.Errorf(core.CodeInvalid, "an event is not readable: %w", err)
	}
	switch e.Type {
	case wire.TaskStarted:
	case wire.TaskUsage:
		if e.Usage == nil {
			return e, false, core.Errorf(core.CodeInvalid, "an event of %s tells of none", wire.TaskUsage)
		}
	case wire.SSHReady:
		if len(e.Address) > maxName || len(e.HostKey) > maxName {
			return e, false, core.Errorf(core.CodeInvalid, "an address or a host key is longer than %d bytes", maxName)
		}
	case wire.StepStarted, wire.StepEnded:
		if e.Step < 0 || e.Step >= wire.MaxStreams {
			return e, false, core.Errorf(core.CodeInvalid, "an event is of step %d, which must be between 0 and %d", e.Step, wire.MaxStreams-1)
		}
		if e.Type == wire.StepEnded && !stepEnded(e.StepStatus) {
			return e, false, core.Errorf(core.CodeInvalid, "step %d ended as %q, which is no final status of a step", e.Step, clip(string(e.StepStatus), 40))
		}
	case wire.TaskEnded:
		if !taskEnded(e.Status) {
			return e, false, core.Errorf(core.CodeInvalid, "the task ended as %q, which is no status that an agent may report", clip(string(e.Status), 40))
		}
	default:
		return e, false, nil
	}
	e.Name, e.Kind = clip(e.Name, maxName), clip(e.Kind, maxName)
	e.Command, e.Reason = clip(e.Command, maxText), clip(e.Reason, maxText)
	e.Remote, e.Fingerprint = clip(e.Remote, maxName), clip(e.Fingerprint, maxName)
	e.Address, e.HostKey = clip(e.Address, maxName), clip(e.HostKey, maxName)
	e.AgentVersion, e.Host = clip(e.AgentVersion, maxName), clip(e.Host, maxName)
	e.At = plausible(e.At, now)
	return e, true, nil
}

func stepEnded(s core.StepStatus) bool {
	switch s {
	case core.StepSuccess, core.StepFailed, core.StepTimedOut, core.StepCanceled, core.StepSkipped, core.StepLost:
		return true
	}
	return false
}

func taskEnded(s core.JobStatus) bool {
	switch s {
	case core.JobSuccess, core.JobFailed, core.JobTimedOut, core.JobCanceled, core.JobInfrastructureFail:
		return true
	}
	return false
}

// clip bounds a text without cutting a rune, and drops NUL, which PostgreSQL
// cannot store in a text.
func clip(s string, limit int) string {
	s = strings.ReplaceAll(s, "\x00", "")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// plausible keeps an agent's wrong clock from putting dates into the future or
// the far past.
func plausible(at, now time.Time) time.Time {
	if at.After(now.Add(time.Minute)) || at.Before(now.Add(-30*24*time.Hour)) {
		return now
	}
	return at
}
