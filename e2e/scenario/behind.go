// SPDX-License-Identifier: MPL-2.0

package scenario

import "testing"

// triggerBehind triggers the pipeline that the verdict is about, and before it
// the one whose serial group it has to wait for, where there is one.
func (p *Platform) triggerBehind(t *testing.T, slug string, s Scenario) string {
	t.Helper()
	v := s.Verdict
	if v.Behind == "" {
		return p.Trigger(t, slug, s.Config)
	}
	first := p.Trigger(t, slug, s.Config)
	held := p.awaitHold(t, first, v.Approve)
	id := p.Trigger(t, slug, s.Config)
	p.Await(t, id, v.Behind+" waits for the first pipeline's serial group", func(s State) bool {
		for _, job := range s.Jobs {
			if job.Name == v.Behind {
				return job.Status == "queued" && job.SerialHolder != nil && job.SerialHolder.WorkflowID == held.Workflows[0].ID
			}
		}
		return false
	})
	p.approve(t, held, v.Approve)
	for _, w := range p.AwaitEnd(t, first).Workflows {
		if w.Status != "success" {
			t.Errorf("workflow %s of the first pipeline: got %s, want success", w.Name, w.Status)
		}
	}
	return id
}

// awaitHold waits until an approval job is on hold.
func (p *Platform) awaitHold(t *testing.T, id, name string) State {
	t.Helper()
	return p.Await(t, id, name+" is on hold", func(s State) bool {
		for _, job := range s.Jobs {
			if job.Name == name && job.Status == "on_hold" {
				return true
			}
		}
		return false
	})
}

func (p *Platform) approve(t *testing.T, held State, name string) {
	t.Helper()
	if err := p.Client.Approve(t.Context(), held.Workflows[0].ID, held.Job(t, name).ApprovalRequestID); err != nil {
		t.Fatalf("approving: %v", err)
	}
}
