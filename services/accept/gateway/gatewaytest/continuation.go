// SPDX-License-Identifier: MPL-2.0

package gatewaytest

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Setup makes a pipeline one whose setup workflow has run, or runs; its key is
// "key-" and its id.
func (p *Platform) Setup(id core.PipelineID) {
	defer p.lock("Setup")()
	known := p.find(id)
	known.State, known.Setup = core.PipelineSetup, true
}

// ContinuePipeline implements core.Continuations. The pipeline gets a workflow
// "continued" that plays the Script; without a config it gets none.
func (p *Platform) ContinuePipeline(_ context.Context, c core.Continuation) (core.Pipeline, error) {
	defer p.lock("ContinuePipeline")()
	for _, known := range p.pipelines {
		if c.Key != "key-"+string(known.ID) || !known.Setup {
			continue
		}
		if known.State != core.PipelineSetup {
			return core.Pipeline{}, core.Errorf(core.CodeConflict, "a pipeline is continued once")
		}
		p.continued = append(p.continued, c)
		known.State = core.PipelineCreated
		if c.Config != "" {
			w := p.addWorkflow(known, "continued", p.Script)
			p.playing.Go(func() { p.play(w) })
		}
		return known.Pipeline, p.check("ContinuePipeline")
	}
	return core.Pipeline{}, core.Errorf(core.CodeNotFound, "the continuation key is not that of any pipeline")
}

// ContinuationKey implements core.Continuations; the gateway never calls it.
func (p *Platform) ContinuationKey(_ context.Context, id core.PipelineID) (string, error) {
	return "key-" + string(id), nil
}

// Continued returns the continuations that were accepted.
func (p *Platform) Continued() []core.Continuation {
	defer p.lock("Continued")()
	return append([]core.Continuation(nil), p.continued...)
}
