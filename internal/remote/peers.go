// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"net/http"
)

// Peers makes the clients of one process.
type Peers struct {
	Transport http.RoundTripper
	Token     func(context.Context) (string, error)
}

func (p Peers) caller(service string) *Caller { return NewCaller(service, p.Transport, p.Token) }

// Identity returns a client of core.Identity.
func (p Peers) Identity() *Identity { return NewIdentity(p.caller("identity")) }

// Projects returns a client of core.Projects.
func (p Peers) Projects() *Projects { return NewProjects(p.caller("projects")) }

// ProjectSecrets returns a client of core.ProjectSecrets.
func (p Peers) ProjectSecrets() *ProjectSecrets { return NewProjectSecrets(p.caller("projects")) }

// Configs returns a client of core.Configs.
func (p Peers) Configs() *Configs { return NewConfigs(p.caller("configs")) }

// Orbs returns a client of core.Orbs.
func (p Peers) Orbs() *Orbs { return NewOrbs(p.caller("orbs")) }

// Pipelines returns a client of core.Pipelines.
func (p Peers) Pipelines() *Pipelines { return NewPipelines(p.caller("pipelines")) }

// Continuations returns a client of core.Continuations.
func (p Peers) Continuations() *Continuations { return NewContinuations(p.caller("pipelines")) }

// Workflows returns a client of core.Workflows.
func (p Peers) Workflows() *Workflows { return NewWorkflows(p.caller("workflows")) }

// Jobs returns a client of core.Jobs.
func (p Peers) Jobs() *Jobs { return NewJobs(p.caller("workflows")) }

// Tasks returns a client of core.Tasks.
func (p Peers) Tasks() *Tasks { return NewTasks(p.caller("workflows")) }

// TaskSiblings returns a client of core.TaskSiblings.
func (p Peers) TaskSiblings() *TaskSiblings { return NewTaskSiblings(p.caller("workflows")) }

// Queue returns a client of core.Queue.
func (p Peers) Queue() *Queue { return NewQueue(p.caller("queue")) }

// Serials returns a client of core.Serials.
func (p Peers) Serials() *Serials { return NewSerials(p.caller("queue")) }

// Placements returns a client of core.Placements.
func (p Peers) Placements() *Placements { return NewPlacements(p.caller("placements")) }

// Output returns a client of core.Output.
func (p Peers) Output() *Output { return NewOutput(p.caller("output")) }

// Archives returns a client of core.Archives.
func (p Peers) Archives() *Archives { return NewArchives(p.caller("output")) }

// Results returns a client of core.Results.
func (p Peers) Results() *Results { return NewResults(p.caller("results")) }

// Stuck returns a client of core.Stuck at the service of that name.
func (p Peers) Stuck(service string) *Stuck { return NewStuck(p.caller(service)) }

// OutputControl returns a client of core.OutputControl.
func (p Peers) OutputControl() *OutputControl { return NewOutputControl(p.caller("output")) }
