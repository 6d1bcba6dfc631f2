// SPDX-License-Identifier: MPL-2.0

package scenario

import (
	"bytes"
	"strings"
	"testing"

	"github.com/muster-ci/muster/internal/api"
)

// Overtaken has a newer pipeline of the project get a serial group first. The
// older one waits at the approval of Wait until the newer stands, with the group,
// at the approval of Hold.
type Overtaken struct {
	Wait string `json:"wait"`
	Hold string `json:"hold"`
}

// side is the branch of scenarios that are not about the default one.
const side = "side"

// trigger triggers the pipeline that the verdict is about, with all that has to
// happen before and beside it.
func (p *Platform) trigger(t *testing.T, slug string, s Scenario) string {
	t.Helper()
	switch {
	case s.Verdict.Redundant != "":
		return p.triggerRedundant(t, slug, s)
	case s.Verdict.Overtaken != nil:
		return p.triggerOvertaken(t, slug, s)
	default:
		return p.triggerBehind(t, slug, s)
	}
}

// triggerRedundant triggers a second pipeline of a branch once the first is at
// work, sees it succeed, and returns the first.
func (p *Platform) triggerRedundant(t *testing.T, slug string, s Scenario) string {
	t.Helper()
	on := true
	if _, err := p.Client.SetProjectSettings(t.Context(), slug, api.ProjectSettings{Advanced: api.AdvancedSettings{AutocancelBuilds: &on}}); err != nil {
		t.Fatalf("switching auto-cancel on: %v", err)
	}
	first := p.TriggerOn(t, slug, s.Config, side)
	p.awaitOutput(t, first, s.Verdict.Redundant)
	p.succeeds(t, p.TriggerOn(t, slug, s.Config, side))
	return first
}

// triggerOvertaken has two pipelines reach a serial group in the wrong order, sees
// the newer succeed, and returns the older.
func (p *Platform) triggerOvertaken(t *testing.T, slug string, s Scenario) string {
	t.Helper()
	wait, hold := s.Verdict.Overtaken.Wait, s.Verdict.Overtaken.Hold
	first := p.Trigger(t, slug, s.Config)
	older := p.awaitHold(t, first, wait)
	second := p.Trigger(t, slug, s.Config)
	p.approve(t, p.awaitHold(t, second, wait), wait)
	newer := p.awaitHold(t, second, hold)
	p.approve(t, older, wait)
	p.AwaitEnd(t, first)
	p.approve(t, newer, hold)
	p.succeeds(t, second)
	return first
}

// succeeds waits for the end of a pipeline beside the one of the verdict.
func (p *Platform) succeeds(t *testing.T, id string) {
	t.Helper()
	for _, w := range p.AwaitEnd(t, id).Workflows {
		if w.Status != "success" {
			t.Errorf("workflow %s of the second pipeline: got %s, want success", w.Name, w.Status)
		}
	}
}

// awaitOutput waits until the output of "job/step: text" holds the text.
func (p *Platform) awaitOutput(t *testing.T, id, what string) (seen State, name string) {
	t.Helper()
	place, text, _ := strings.Cut(what, ": ")
	name, step, _ := strings.Cut(place, "/")
	return p.Await(t, id, "the output of "+place+" has "+text, func(s State) bool {
		for _, job := range s.Jobs {
			if job.Name == name {
				out, err := p.StepOutput(t.Context(), job.ID, step)
				return err == nil && bytes.Contains(out, []byte(text))
			}
		}
		return false
	}), name
}
