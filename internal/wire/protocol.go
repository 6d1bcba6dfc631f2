// SPDX-License-Identifier: MPL-2.0

package wire

import "fmt"

// Protocol is the number of the protocol that this package describes. A field
// or a call that the other side may ignore does not raise it: both sides skip
// JSON fields that they do not know. What the other side must understand does.
//
// OldestProtocol is the oldest that this side still speaks. Both sides of an
// upgrade run side by side for as long as builds take, so it stays behind by
// what two minor releases changed.
const (
	Protocol       = 1
	OldestProtocol = 1
)

// Speaks are the protocols of one side; zeros mean the first one, of agents
// that came before protocols had numbers.
type Speaks struct {
	Oldest int `json:"oldest_protocol,omitempty"`
	Newest int `json:"protocol,omitempty"`
}

// Ours are the protocols of this build.
func Ours() Speaks { return Speaks{Oldest: OldestProtocol, Newest: Protocol} }

// Agree returns the newest protocol that output and an agent both speak. The
// error is for people; it says which side has to be brought up.
func Agree(output, agent Speaks) (int, error) {
	output, agent = output.numbered(), agent.numbered()
	agreed := min(output.Newest, agent.Newest)
	switch {
	case agreed < output.Oldest:
		return 0, fmt.Errorf("the agent is too old: it speaks %s and output %s; bring the agent on this client, or in placements, up to output's version", agent, output)
	case agreed < agent.Oldest:
		return 0, fmt.Errorf("the agent is too new: it speaks %s and output %s; bring output up to the agent's version", agent, output)
	}
	return agreed, nil
}

func (s Speaks) numbered() Speaks {
	return Speaks{Oldest: max(s.Oldest, 1), Newest: max(s.Newest, s.Oldest, 1)}
}

// String names the protocols for people.
func (s Speaks) String() string {
	if s.Oldest == s.Newest {
		return fmt.Sprintf("protocol %d", s.Newest)
	}
	return fmt.Sprintf("protocols %d to %d", s.Oldest, s.Newest)
}
