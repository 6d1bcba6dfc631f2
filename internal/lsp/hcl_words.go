// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/config/language"
)

// explainHCL says what the name or the word under the cursor means.
func (t *text) explainHCL(orbs *shelf, at position) string {
	around := within(t.body, at.Line+1)
	if found := t.orbNameAt(orbs, at, around); found != nil {
		return found.describe()
	}
	if _, said := t.referredHCL(at); said != "" {
		return said
	}
	word, before := t.around(at)
	end := t.column(at) - 1 - before + len([]rune(word))
	rest := []rune(t.line(at.Line))[min(end, len([]rune(t.line(at.Line)))):]
	if said := explainWord(around, word, strings.HasPrefix(string(rest), "(")); said != "" {
		return said
	}
	for _, name := range []string{strings.ReplaceAll(word, "_", "-"), word} {
		if key, ok := language.Find(mappingOf(around), name); ok {
			return fmt.Sprintf("**%s**\n\n%s", word, key.Doc)
		}
	}
	return ""
}

var (
	inLabel = regexp.MustCompile(`\b(step|job)\s+"[^"]*$`)
	inValue = regexp.MustCompile(`^\s*("?[\w-]+"?)\s*=`)
)

// completeHCL offers names behind a dot, in a label and in an expression, else
// the words of the block.
func (t *text) completeHCL(orbs *shelf, at position) []completion {
	around := within(t.body, at.Line+1)
	word, before := t.around(at)
	dotted := string([]rune(word)[:before])
	if root, _, ok := strings.Cut(dotted, "."); ok {
		if list := t.behindDot(root, around); list != nil {
			return list
		}
	}
	line := t.before(at)
	if m := inLabel.FindStringSubmatch(line); m != nil {
		return t.called(orbs, m[1], around)
	}
	if m := inValue.FindStringSubmatch(line); m != nil {
		return t.inExpression(orbs, m[1], around)
	}
	return append(t.argumentsHCL(orbs, around), wordsOf(around)...)
}

// behindDot are the names of a root, nil where it is none.
func (t *text) behindDot(root string, around []*hclsyntax.Block) []completion {
	names := []string{}
	detail := root
	switch root {
	case "job", "executor":
		names = labels(t.body, root)
	case "parameter":
		names = labels(scopeOf(t.body, around), root)
	case "local":
		names = t.localNames()
	case "each":
		names, detail = []string{"key", "value"}, "of for_each"
	case "pipeline":
		names = append(config.PipelineNames(), prefixed("parameters.", labels(t.body, "parameter"))...)
		names, detail = prefixed("pipeline.", names), "pipeline value"
	default:
		return nil
	}
	list := []completion{}
	for _, name := range names {
		list = append(list, completion{Label: name, Kind: kindVariable, Detail: detail})
	}
	return list
}

// called are the names that the label of a step or of a job in a workflow takes.
func (t *text) called(orbs *shelf, kind string, around []*hclsyntax.Block) []completion {
	list := []completion{}
	add := func(detail string, names ...string) {
		for _, name := range names {
			list = append(list, completion{Label: name, Kind: kindFunction, Detail: detail})
		}
	}
	switch {
	case kind == "step":
		keys, _ := language.Keys("step")
		for _, key := range keys {
			if key.Name == "when" || key.Name == "unless" {
				continue // condition says it here
			}
			list = append(list, completion{Label: key.Name, Kind: kindFunction, Detail: "step", Documentation: &markup{"markdown", key.Doc}})
		}
		add("command", labels(t.body, "command")...)
		list = append(list, t.orbElements(orbs, "commands", "command")...)
	case len(around) > 0: // at the top, a job gets a name of its own
		add("job", labels(t.body, "job")...)
		add("job group", labels(t.body, "job_group")...)
		list = append(list, t.orbElements(orbs, "jobs", "job")...)
	}
	return list
}

// parameterTypes are the words for types.
var parameterTypes = []string{"string", "number", "bool", "list(string)", "map(string)", "any", "steps", "executor"}

// inExpression are what an attribute's value may be or begin with.
func (t *text) inExpression(orbs *shelf, name string, around []*hclsyntax.Block) []completion {
	list := []completion{}
	switch context := contextOf(around); {
	case context == "parameter" && name == "type":
		for _, word := range parameterTypes {
			list = append(list, completion{Label: word, Kind: kindVariable, Detail: "type"})
		}
		return list
	case name == "executor":
		list = t.orbElements(orbs, "executors", "executor")
	}
	for _, root := range []string{"parameter", "pipeline", "local", "executor", "job", "each", "matrix"} {
		list = append(list, completion{Label: root, Kind: kindVariable})
	}
	return append(list, functionNames()...)
}
