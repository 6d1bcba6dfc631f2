// SPDX-License-Identifier: MPL-2.0

package jobspec

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/core"
)

// maxTemplate bounds a template, MaxJob what is made of it: every job is kept
// in the memory of all Nomad servers.
const (
	maxTemplate = 256 << 10
	MaxJob      = 8 << 10
)

// AgentTask is the name of the task that runs the agent; a template has exactly
// one task of that name.
const AgentTask = "agent"

// Template is a parsed template. It may be used by several goroutines.
type Template struct {
	name string
	body *hclsyntax.Body
}

// Input is what a job is made of.
type Input struct {
	Attempt core.AttemptID
	Spec    core.TaskSpec
	Class   core.ResourceClass
	Agent   Agent
	// OutputURLs are the addresses of output as the allocation reaches it.
	OutputURLs []string
	BaseURL    string
	// Logins is the path of the Nomad variable with the logins at registries, ""
	// for none; WithLogin tells by its place which image has one.
	Logins    string
	WithLogin []bool
	// Engine is the image of the job's own Docker engine, "" for none.
	Engine string
	// Layers are what that engine keeps for later jobs.
	Layers Layers
	// Copies is where the client keeps copies of parts of caches and workspaces,
	// and Near are names of nodes that may have some of this job's.
	Copies Copies
	Near   []string
}

// Copies says where clients keep copies: nowhere when both are empty.
type Copies struct {
	Volume string // a host volume, for containers
	Dir    string // a folder, for what runs on the client itself
}

// Layers says where a client keeps layers of images: nowhere when empty.
type Layers struct {
	Volume string // a host volume
	Key    string // of those who share them
}

// Agent says how the agent's binary comes to the allocation: as an archive that
// Nomad downloads and checks, or on a path where clients carry it.
type Agent struct {
	Source   string // URL of a .tar.gz with muster-agent in it
	Checksum string // "sha256:..." of the archive
	Path     string // on clients; used when Source is empty
	// Version is what a client must announce in its metadata to be given a job
	// that uses Path. Empty: any client will do.
	Version string
}

// AgentMeta is the key of the client's metadata under which it announces the
// versions of the agent that it carries, separated by commas.
const AgentMeta = "muster_agents"

// Parse reads a template and checks its syntax. Errors name file and line.
func Parse(filename string, src []byte) (*Template, error) {
	if len(src) > maxTemplate {
		return nil, core.Errorf(core.CodeInvalid, "%s is larger than 256 KiB; that is no job template", filename)
	}
	file, diags := hclsyntax.ParseConfig(src, filename, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, invalid(diags)
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil, core.Errorf(core.CodeInvalid, "%s is not written in HCL's native syntax", filename)
	}
	return &Template{name: filename, body: body}, nil
}

// Check renders the template for a made-up job of the executor, and returns
// what is wrong with it. It is for `muster check`.
func (t *Template) Check(executor core.ExecutorKind) error {
	_, err := t.Render(sample(executor))
	return err
}

// Render makes the job of an attempt. The id is always the attempt's; a job is
// a batch job of one group and count 1 with a task called agent that has the
// identity "muster"; Nomad never runs anything of it again by itself; it
// carries neither vault nor consul; and its JSON is smaller than MaxJob. What
// the template leaves out of that is filled in, what it says against it is an
// error.
func (t *Template) Render(in Input) (*api.Job, error) {
	root := struct {
		Job []*namedJob `hcl:"job,block"`
	}{}
	d := &decoder{}
	d.body(t.body, evalContext(in), &root)
	if d.diags.HasErrors() {
		return nil, invalid(d.diags)
	}
	if len(root.Job) != 1 {
		return nil, core.Errorf(core.CodeInvalid, "%s has %d job blocks; a template has one", t.name, len(root.Job))
	}
	job := root.Job[0].Job
	if job.Name == nil {
		job.Name = &root.Job[0].Label
	}
	if err := enforce(&job, in.Attempt); err != nil {
		return nil, core.Errorf(core.CodeInvalid, "%s: %w", t.name, err)
	}
	return &job, t.checkSize(&job)
}

func (t *Template) checkSize(job *api.Job) error {
	b, err := json.Marshal(job)
	if err != nil {
		return fmt.Errorf("encoding the job: %w", err)
	}
	if len(b) > MaxJob {
		return core.Errorf(core.CodeInvalid,
			"the Nomad job made of %s has %d bytes, and %d is the most: the job's images have too many containers, commands or variables", t.name, len(b), MaxJob)
	}
	return nil
}

// namedJob is a job block with its label; the label is the job's name unless
// there is a better one.
type namedJob struct {
	Label string `hcl:"label,label"`
	api.Job
}

func invalid(diags hcl.Diagnostics) error {
	var texts []string
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			texts = append(texts, d.Error())
		}
	}
	return core.Errorf(core.CodeInvalid, "%s", strings.Join(texts, "\n"))
}

// sample is a job that uses everything a template may ask for.
func sample(executor core.ExecutorKind) Input {
	in := Input{
		Attempt: "m-aaaaaaaaaaaaaaaaaaaaaaaaaa",
		Class:   core.ResourceClass{Name: "medium", Executor: executor, CPU: 2000, Memory: 4096, Disk: 10240, Pool: "default"},
		Agent:   Agent{Source: "http://127.0.0.1/muster-agent.tar.gz", Checksum: "sha256:" + strings.Repeat("0", 64)},
	}
	in.OutputURLs, in.BaseURL = []string{"http://127.0.0.1:8585"}, "http://127.0.0.1:8080"
	in.Spec.WorkflowName, in.Spec.Plan.Name = "build", "test"
	in.Spec.Pipeline.Project = core.Project{Name: "site", Organization: core.Organization{VCS: "gh", Name: "acme"}}
	in.Spec.Pipeline.Source.Branch = "main"
	in.Spec.Plan.Executor.Kind = executor
	in.Copies, in.Near = Copies{Volume: "muster-copies", Dir: "/var/lib/muster-copies"}, []string{"client-1", "client-2"}
	if executor == core.ExecutorDocker {
		in.Logins, in.WithLogin, in.Engine = "nomad/jobs/"+string(in.Attempt), []bool{false, true}, "docker:28-dind"
		in.Layers = Layers{Volume: "muster-layers", Key: strings.Repeat("0", 64)}
		in.Spec.Plan.Executor.Images = []core.DockerImage{
			{Image: "cimg/base:current", Environment: []core.EnvVar{{Name: "A", Value: "b"}}},
			{Image: "postgres:17", Name: "db", Entrypoint: []string{"/entry"}, Command: []string{"-c", "fsync=off"}, User: "postgres"},
		}
	}
	return in
}
