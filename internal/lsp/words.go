// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/internal/config/language"
)

// word is a block or an attribute that HCL has and a config.yml has not, or has
// in another form.
type word struct{ name, kind, doc string }

const (
	isBlock     = "block"
	isAttribute = "attribute"
)

var (
	forEach   = word{"for_each", isAttribute, "A list, a set or a map: once for each element, with each.key and each.value."}
	condition = word{"condition", isAttribute, "true or false. What is switched off is checked all the same."}
	parameter = word{"parameter", isBlock, "parameter \"name\" { type, default, enum, description }; read as parameter.name."}
	docker    = word{"docker", isBlock, "A container: the first block is the one that steps run in, the others are services beside it."}
	step      = word{"step", isBlock, "step \"name\": a built-in step, a command of the file, or alias/command of an orb."}
	environs  = word{"environment", isBlock, "Variables, name = value."}
	jobCall   = word{"job", isBlock, "A job of the file, a job group or alias/job of an orb, with its arguments."}
	approval  = word{"approval", isBlock, "Waits until somebody approves."}
	stepsGive = word{"steps", isBlock, "steps \"name\" { step ... }: the argument for a parameter of type steps."}
)

// words are those of each block; "" is the file, "call" a job in a workflow.
var words = map[string][]word{
	"": {
		{"import", isBlock, "import \"alias\" { source }: an orb, whose elements are alias/name."},
		{"parameter", isBlock, "A parameter of the pipeline: a string, a number or a bool."},
		{"locals", isBlock, "Names for values, read as local.name."},
		{"executor", isBlock, "What jobs run on, with a name."},
		{"command", isBlock, "Steps with a name and parameters."},
		{"job", isBlock, "An executor and steps. Workflows put jobs in order."},
		{"job_group", isBlock, "Jobs that workflows call like one job."},
		{"workflow", isBlock, "What runs, and in which order."},
		{"setup", isAttribute, "true: the file decides, and continues the pipeline with another."},
		{"description", isAttribute, "What the file is for."},
	},
	"import": {{"source", isAttribute, "namespace/orb@version, or the URL of an orb."}},
	"parameter": {
		{"type", isAttribute, "string, number, bool, list(string), map(string) and so on, any, steps or executor."},
		{"default", isAttribute, "The value where none is given; of steps, a block default { step ... }."},
		{"enum", isAttribute, "The values that are permitted."},
		{"description", isAttribute, "What the parameter is for."},
	},
	"executor":   {docker, environs, parameter},
	"command":    {parameter, step},
	"job":        {docker, environs, parameter, step},
	"docker":     {environs},
	"step":       {condition, forEach, stepsGive},
	"default":    {step},
	"steps":      {step},
	"pre_steps":  {step},
	"post_steps": {step},
	"job_group":  {jobCall, approval},
	"workflow":   {condition, jobCall, approval, {"schedule", isBlock, "A time at which the workflow runs, instead of on a push."}},
	"approval":   {condition},
	"call": {
		condition, forEach, stepsGive,
		{"matrix", isBlock, "matrix { parameters, exclude, alias }: the job once for each combination, with matrix.name."},
		{"pre_steps", isBlock, "Steps before those of the job."}, {"post_steps", isBlock, "Steps after those of the job."},
		{"filters", isBlock, "Branches and tags that the job runs for."},
	},
}

// replaced are keys of the config language that HCL writes otherwise.
var replaced = map[string][]string{
	"job": {"steps", "parameters", "branches"}, "executor": {"parameters"}, "command": {"steps", "parameters"},
	"workflow": {"when", "unless", "jobs", "triggers"}, "group": {"jobs"}, "parameter": {},
}

// contextOf names a block's words.
func contextOf(around []*hclsyntax.Block) string {
	if len(around) == 0 {
		return ""
	}
	if block := around[len(around)-1]; block.Type != "job" || len(around) == 1 {
		return block.Type
	}
	return "call"
}

// wordsOf are the words and keys of the block around the cursor.
func wordsOf(around []*hclsyntax.Block) []completion {
	list := []completion{}
	own := words[contextOf(around)]
	for _, w := range own {
		list = append(list, completion{Label: w.name, Kind: kindProperty, Detail: w.kind, Documentation: &markup{"markdown", w.doc}})
	}
	if len(around) == 0 {
		return list
	}
	mapping := mappingOf(around)
	keys, _ := language.Keys(mapping)
	for _, key := range keys {
		name := strings.ReplaceAll(key.Name, "-", "_")
		if slices.Contains(replaced[mapping], key.Name) || slices.ContainsFunc(own, func(w word) bool { return w.name == name }) {
			continue
		}
		list = append(list, completion{Label: name, Kind: kindProperty, Detail: isAttribute, Documentation: &markup{"markdown", key.Doc}})
	}
	return list
}

// explainWord says what a block, an attribute or a function is.
func explainWord(around []*hclsyntax.Block, name string, isCall bool) string {
	if isCall {
		for _, f := range pipeline.Functions() {
			if f.Name == name {
				return "**" + f.Signature + "**\n\n" + f.Doc
			}
		}
	}
	contexts := []string{contextOf(around)}
	if len(around) > 0 { // the cursor may be in the block's own head
		contexts = append([]string{contextOf(around[:len(around)-1])}, contexts...)
		if around[len(around)-1].Type != name {
			contexts = contexts[1:]
		}
	}
	for _, context := range contexts {
		for _, w := range words[context] {
			if w.name == name {
				return "**" + name + "** (" + w.kind + ")\n\n" + w.doc
			}
		}
	}
	return ""
}

// functionNames are those that an expression can call.
func functionNames() []completion {
	list := []completion{}
	for _, f := range pipeline.Functions() {
		list = append(list, completion{Label: f.Name, Kind: kindFunction, Detail: f.Signature, Documentation: &markup{"markdown", f.Doc}})
	}
	return list
}
