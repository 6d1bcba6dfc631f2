// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/config/document"
)

// File is where a repository keeps its pipeline in HCL. It counts where there is
// no config.yml.
const File = ".muster/pipeline.hcl"

// Handles tells whether a file is written in HCL, by its name.
func Handles(path string) bool { return strings.HasSuffix(path, ".hcl") }

// Compile turns a pipeline in HCL into a plan. It is config.Compile for the
// other language: the same request, options and kind of result.
func Compile(ctx context.Context, request core.CompileRequest, options config.Options) (core.CompileResult, error) {
	if options.File == "" {
		options.File = File
	}
	return config.CompileDocument(ctx, request, options, func() (*document.Node, []core.ConfigError) {
		return read(ctx, request, options)
	})
}

// read evaluates a file to the document of a config, or to all its mistakes.
func read(ctx context.Context, request core.CompileRequest, options config.Options) (root *document.Node, list []core.ConfigError) {
	r := &reader{
		problems:   &problems{file: options.File, text: request.Config, seen: map[string]bool{}},
		budget:     &budget{ctx: ctx, left: maxWork},
		request:    request,
		executors:  map[string]*executor{},
		commands:   map[string]*command{},
		jobs:       map[string]*job{},
		imports:    map[string]bool{},
		groups:     map[string]bool{},
		definition: map[string]string{},
		defined:    map[string]bool{},
		repeats:    map[string]int{},

		definedExecutors: map[string]bool{},
		defaults:         map[*hclsyntax.Block]cty.Value{},
	}
	defer func() {
		switch caught := recover().(type) {
		case nil:
		case exhausted:
			r.fail(hcl.Range{Start: hcl.Pos{Line: 1, Column: 1}}, caught.why, "split the pipeline, or calculate less in it")
			root, list = nil, r.sorted()
		default:
			panic(caught)
		}
	}()
	body := r.parse(options.MaxBytes)
	if body == nil {
		return nil, r.sorted()
	}
	if options.Read != nil {
		readNames(body, options.Read)
	}
	root = r.whole(body)
	if len(r.list) > 0 {
		return nil, r.sorted()
	}
	return root, nil
}

// reader is the state of one reading.
type reader struct {
	*problems
	budget  *budget
	request core.CompileRequest
	scope   *hcl.EvalContext // of what stands outside of jobs and commands
	setup   bool             // as written; whether it may be is checked elsewhere

	imports   map[string]bool
	executors map[string]*executor
	commands  map[string]*command
	jobs      map[string]*job
	groups    map[string]bool

	jobEntries []document.Entry  // of the document's jobs, as they are called
	definition map[string]string // job and arguments -> name among jobEntries
	defined    map[string]bool   // by that name
	repeats    map[string]int    // numbers given to a job's names

	executorEntries  []document.Entry
	definedExecutors map[string]bool

	defaults map[*hclsyntax.Block]cty.Value // steps, NilVal while they are read
}

// parse checks the bounds of a text and parses it; nil after a mistake.
func (r *reader) parse(most int) *hclsyntax.Body {
	src := []byte(r.text)
	if !r.scan(src, most) {
		return nil
	}
	parsed, diags := hclsyntax.ParseConfig(src, r.file, hcl.InitialPos)
	r.diagnose(diags)
	if diags.HasErrors() {
		return nil
	}
	body := parsed.Body.(*hclsyntax.Body)
	r.budget.charge(body)
	return body
}

// readNames tells which pipeline values the file can look at: all whose names
// begin with what a reference says.
func readNames(body *hclsyntax.Body, tell func(string)) {
	_ = hclsyntax.VisitAll(body, func(node hclsyntax.Node) hcl.Diagnostics {
		t, ok := node.(*hclsyntax.ScopeTraversalExpr)
		if !ok || t.Traversal.RootName() != "pipeline" {
			return nil
		}
		prefix := ""
		for _, step := range t.Traversal[1:] {
			attr, ok := step.(hcl.TraverseAttr)
			if !ok {
				break
			}
			prefix += "." + attr.Name
		}
		for _, name := range config.PipelineNames() {
			if prefix == "" || "."+name == prefix || strings.HasPrefix("."+name, prefix+".") {
				tell(name)
			}
		}
		if prefix != "" {
			tell(prefix[1:])
		}
		return nil
	})
}

// topBlocks are the blocks of a file and how many labels each has.
var topBlocks = map[string]int{
	"import": 1, "parameter": 1, "locals": 0, "executor": 1, "command": 1, "job": 1, "job_group": 1, "workflow": 1,
}

// topAttributes are the attributes outside of any block.
var topAttributes = []string{"description", "setup"}

// whole reads the parts in the order in which they need each other.
func (r *reader) whole(body *hclsyntax.Body) *document.Node {
	blocks := r.sections(body)
	entries := []document.Entry{entry("version", 1, 1, document.NewScalar(document.String, "2.1", 1, 1))}
	r.scope = &hcl.EvalContext{Functions: functions(r.budget)}
	if attr := body.Attributes["setup"]; attr != nil {
		if v, diags := attr.Expr.Value(nil); !diags.HasErrors() && v.Type() == cty.Bool && v.IsKnown() && !v.IsNull() {
			r.setup = v.True()
		}
	}
	parameters := r.pipelineParameters(blocks["parameter"])
	r.pipelineScope(parameters)
	r.names(blocks)
	r.locals(blocks["locals"])
	for _, attr := range attributes(body) {
		if slices.Contains(topAttributes, attr.Name) {
			entries = r.attribute(entries, attr, r.scope, attr.Name)
		}
	}
	add := func(name string, list []document.Entry) {
		if len(list) > 0 {
			entries = append(entries, entry(name, list[0].Key.Line, list[0].Key.Column, document.NewMap(list[0].Key.Line, list[0].Key.Column, list)))
		}
	}
	add("orbs", r.orbs(blocks["import"]))
	add("parameters", parameters)
	add("job-groups", r.jobGroups(blocks["job_group"]))
	add("workflows", r.workflows(blocks["workflow"]))
	r.unusedJobs(blocks["job"])
	add("commands", r.unusedCommands(blocks["command"]))
	add("jobs", r.jobEntries)
	r.unusedExecutors(blocks["executor"])
	add("executors", r.executorEntries)
	return document.NewMap(1, 1, entries)
}

// sections sorts the blocks of a file by type and refuses what is unknown.
func (r *reader) sections(body *hclsyntax.Body) map[string][]*hclsyntax.Block {
	for _, attr := range attributes(body) {
		if !slices.Contains(topAttributes, attr.Name) {
			r.fail(attr.NameRange, fmt.Sprintf("An attribute named %q is not expected here", attr.Name), "values with names of their own stand in a locals block")
		}
	}
	sections := map[string][]*hclsyntax.Block{}
	for _, block := range body.Blocks {
		labels, ok := topBlocks[block.Type]
		if !ok {
			names := slices.Sorted(maps.Keys(topBlocks))
			r.fail(block.TypeRange, fmt.Sprintf("Blocks of type %q are not expected here", block.Type), config.Suggest(block.Type, names)+" Known are: "+strings.Join(names, ", "))
			continue
		}
		if r.labelled(block, labels) {
			sections[block.Type] = append(sections[block.Type], block)
		}
	}
	return sections
}

// labelled checks the number of labels.
func (r *reader) labelled(block *hclsyntax.Block, want int) bool {
	if len(block.Labels) == want {
		return true
	}
	form := block.Type + " {"
	if want == 1 {
		form = block.Type + ` "name" {`
	}
	r.fail(block.DefRange(), fmt.Sprintf("A block %s has %d label(s), not %d", block.Type, want, len(block.Labels)), "write "+form)
	return false
}

// attributes returns those of a body in the order of the file.
func attributes(body *hclsyntax.Body) []*hclsyntax.Attribute {
	list := make([]*hclsyntax.Attribute, 0, len(body.Attributes))
	for _, attr := range body.Attributes {
		list = append(list, attr)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].SrcRange.Start.Byte < list[j].SrcRange.Start.Byte })
	return list
}

func entry(key string, line, column int, value *document.Node) document.Entry {
	return document.Entry{Key: document.Key{Text: key, Line: line, Column: column}, Value: value}
}
