// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
)

// scope is what `<< >>` may name: pipeline values always, parameters only
// inside the element that declares them. Nothing is inherited by what the
// element calls.
type scope struct {
	parameters map[string]*document.Node
}

// absentValue is what CircleCI puts for a pipeline value that exists and is
// empty, such as the tag of a branch build.
const absentValue = "<nil>"

// pipelineNames are the values that may be absent without being unknown.
var pipelineNames = []string{
	"id", "number", "name", "project.git_url", "project.type", "project.slug", "project.id", "organization.id",
	"git.tag", "git.branch", "git.branch.is_default", "git.revision", "git.base_revision",
	"git.commit.author_avatar_url", "git.commit.author_email", "git.commit.author_login", "git.commit.author_name",
	"git.commit.body", "git.commit.subject", "git.commit.url",
	"git.repo_id", "git.repo_name", "git.repo_owner", "git.repo_url", "git.ssh_checkout_url",
	"trigger_source", "trigger.type", "trigger.id", "trigger.name", "trigger.received_at",
	"schedule.name", "schedule.id", "config_source", "event.name", "event.action",
	"config.file_path", "config.sha", "config.ref",
}

var referenceForm = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]*(?:\.[a-zA-Z0-9_-]+)+$`)

// substitute replaces the references in a tree. What holds none is returned as
// it is; results are never looked at again, so that a value that happens to
// hold "<<" stays text.
func (c *compiler) substitute(n *document.Node, s scope) *document.Node {
	if !c.reuse || n == nil || !n.Template {
		return n
	}
	if n.IsScalar() {
		return c.substituteText(n, s)
	}
	items := make([]*document.Node, len(n.Items))
	for i, item := range n.Items {
		if n.Kind == document.Map && strings.Contains(n.Keys[i].Text, "<<") {
			c.fail(n.KeyAt(i), "A key cannot be made of references", "write the key out; values may hold << >>")
		}
		items[i] = c.substitute(item, s)
	}
	result := n.With(items)
	_, bytes := result.Size()
	c.spend(n, 0, bytes)
	return result
}

// substituteText handles one scalar: a reference that is the whole of it keeps
// its type, others become text.
func (c *compiler) substituteText(n *document.Node, s scope) *document.Node {
	var b strings.Builder
	rest := n.Text
	for {
		start := strings.Index(rest, "<<")
		if start < 0 {
			break
		}
		if start > 0 && rest[start-1] == '\\' {
			b.WriteString(rest[:start-1] + "<<")
			rest = rest[start+2:]
			continue
		}
		length := strings.Index(rest[start:], ">>")
		if length < 0 {
			c.fail(n, "Unclosed '<<' tag\n('<<' must be escaped as '\\<<' in config v2.1+)", "write \\<< where a script means <<, for example cat \\<<EOF")
			return document.Scalar(document.String, n.Text, n)
		}
		inner := strings.TrimSpace(rest[start+2 : start+length])
		value := c.reference(n, inner, s)
		if value == nil {
			return document.Scalar(document.String, n.Text, n)
		}
		before, after := rest[:start], rest[start+length+2:]
		if b.Len() == 0 && strings.TrimSpace(before) == "" && strings.TrimSpace(after) == "" {
			return value.At(n)
		}
		if !value.IsScalar() {
			c.fail(n, fmt.Sprintf("%s is a %s and cannot stand inside text", clip(inner), value.Kind), "let << "+clip(inner)+" >> be the whole value")
			return document.Scalar(document.String, n.Text, n)
		}
		b.WriteString(before)
		b.WriteString(value.Text)
		rest = after
		if b.Len() > maxText {
			c.fail(n, fmt.Sprintf("The text grows beyond %d bytes; that is the limit", maxText), "use shorter parameters")
			panic(stopped{})
		}
	}
	b.WriteString(rest)
	return document.Scalar(document.String, b.String(), n)
}

// reference returns the value of what stands between << and >>, nil after a
// mistake.
func (c *compiler) reference(n *document.Node, inner string, s scope) *document.Node {
	switch {
	case inner == "" || !strings.ContainsAny(inner[:1], "#^/") && !strings.HasPrefix(inner, "include(") && strings.ContainsAny(inner, "\n"):
		c.fail(n, "Unclosed '<<' tag\n('<<' must be escaped as '\\<<' in config v2.1+)", "write \\<< where a script means <<, for example cat \\<<EOF")
	case strings.HasPrefix(inner, "include("):
		c.fail(n, "<<include(file)>> has a meaning only for `circleci orb pack`", "put the file's text here")
	case strings.ContainsAny(inner[:1], "#^/"):
		c.fail(n, "Sections (<<# >>, <<^ >>) are not supported by Muster yet", "until they are: use a when step, or test the value in the shell")
	case !referenceForm.MatchString(inner):
		c.fail(n, "Expressions in << >> are not supported by Muster yet: "+clip(inner), "until they are: write one name, such as << pipeline.git.branch >>, and \\<< where a script means <<")
	case strings.HasPrefix(inner, "pipeline.parameters."):
		return c.named(n, inner, strings.TrimPrefix(inner, "pipeline.parameters."), c.parameters)
	case strings.HasPrefix(inner, "pipeline."):
		return c.pipelineValue(n, inner, strings.TrimPrefix(inner, "pipeline."))
	case strings.HasPrefix(inner, "parameters."):
		return c.named(n, inner, strings.TrimPrefix(inner, "parameters."), s.parameters)
	case strings.HasPrefix(inner, "matrix."):
		c.fail(n, "The key [matrix] is not supported by Muster yet", "until it is: list the combinations as single jobs")
	default:
		c.fail(n, fmt.Sprintf("Referred to a variable %q that does not exist", clip(inner)), "names begin with pipeline. or parameters.; a variable of the shell is $NAME")
	}
	return nil
}

func (c *compiler) named(n *document.Node, inner, name string, among map[string]*document.Node) *document.Node {
	if value, ok := among[name]; ok {
		return value
	}
	var names []string
	for candidate := range among {
		names = append(names, candidate)
	}
	slices.Sort(names)
	way := suggest(name, names)
	if way == "" {
		way = "declare it under parameters: of the element that uses it"
		if strings.HasPrefix(inner, "pipeline.") {
			way = "declare it under the top-level parameters:"
			if c.module.name != "" {
				way = "an orb does not see the pipeline's parameters: let the element take a parameter, and hand the value over in the call"
			}
		}
	}
	c.fail(n, "Arguments referenced without declared parameters: "+clip(name), way)
	return nil
}

func (c *compiler) pipelineValue(n *document.Node, inner, name string) *document.Node {
	c.read(name)
	if value, ok := c.request.Values[name]; ok {
		if value == nil {
			return document.Scalar(document.Null, absentValue, n)
		}
		node, ok := c.fromTrigger(inner, value)
		if !ok {
			return nil
		}
		return node
	}
	if slices.Contains(pipelineNames, name) || strings.HasPrefix(name, "event.github.") || strings.HasPrefix(name, "trigger_parameters.") {
		return document.Scalar(document.Null, absentValue, n)
	}
	c.fail(n, fmt.Sprintf("Referred to a variable %q that does not exist", clip(inner)), suggest(name, pipelineNames))
	return nil
}
