// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"regexp"
	"strings"
	"text/template/parse"

	"github.com/muster-ci/muster/internal/config/document"
)

const (
	maxCacheKey  = 900     // characters of a key after the agent filled it in
	maxKeySource = 8 << 10 // bytes of a key as written
)

// What a cache key may ask the agent for. The compiler never fills it in: files
// and variables exist only where the job runs.
var (
	cacheKeyValues    = []string{"Branch", "BuildNum", "CheckoutKey", "Environment", "Revision"}
	cacheKeyFunctions = map[string]any{"arch": true, "checksum": true, "epoch": true, "round": true}
)

var unknownFunction = regexp.MustCompile(`^function "([^"]*)" not defined`)

// templateFunctions are those that Go's templates bring along.
var templateFunctions = map[string]any{
	"and": true, "or": true, "not": true, "eq": true, "ne": true, "lt": true, "le": true, "gt": true, "ge": true,
	"len": true, "index": true, "slice": true, "print": true, "printf": true, "println": true, "html": true, "js": true, "urlquery": true, "call": true,
}

// cacheKey reads the key of a cache and checks the templates in it.
func (c *compiler) cacheKey(n *document.Node) string {
	if n != nil && n.IsScalar() && n.Kind != document.String && n.Kind != document.Null {
		// A key such as 1 or v is text to CircleCI too.
		return n.Text
	}
	key := c.filled(n)
	switch {
	case len(key) > maxKeySource:
		c.fail(n, fmt.Sprintf("The cache key is %d bytes long; the limit is %d characters", len(key), maxCacheKey), "use {{ checksum \"file\" }} of a file that holds the long part")
		return key
	case !strings.Contains(key, "{{"):
		c.checkKeyLength(n, len([]rune(key)))
		return key
	}
	trees, err := parse.Parse("key", key, "{{", "}}", cacheKeyFunctions, templateFunctions)
	if err != nil {
		message := strings.TrimPrefix(err.Error(), "template: key:1: ")
		way := ""
		if m := unknownFunction.FindStringSubmatch(message); m != nil {
			way = suggest(m[1], []string{"arch", "checksum", "epoch"})
		}
		c.badCacheKey(n, message, way)
		return key
	}
	if tree := trees["key"]; tree != nil && tree.Root != nil {
		k := keyCheck{}
		k.node(tree.Root)
		if k.message != "" {
			c.badCacheKey(n, k.message, k.way)
		}
		c.checkKeyLength(n, k.literal)
	}
	return key
}

func (c *compiler) checkKeyLength(n *document.Node, characters int) {
	if characters > maxCacheKey {
		c.fail(n, fmt.Sprintf("The cache key has %d characters; the limit is %d", characters, maxCacheKey), "use {{ checksum \"file\" }} of a file that holds the long part")
	}
}

func (c *compiler) badCacheKey(n *document.Node, message, way string) {
	if way == "" {
		way = "write for example deps-{{ arch }}-{{ checksum \"package.json\" }}, with double quotes"
	}
	c.fail(n, "error computing cache key: "+clip(message), way)
}

// keyCheck walks a parsed key. It keeps the first mistake and counts the
// characters that the key surely has.
type keyCheck struct {
	message, way string
	literal      int
}

func (k *keyCheck) fail(message, way string) {
	if k.message == "" {
		k.message, k.way = message, way
	}
}

func (k *keyCheck) node(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, item := range n.Nodes {
			k.node(item)
		}
	case *parse.TextNode:
		k.literal += len([]rune(string(n.Text)))
	case *parse.ActionNode:
		k.node(n.Pipe)
	case *parse.PipeNode:
		if n == nil {
			return
		}
		for _, command := range n.Cmds {
			k.command(command)
		}
	case *parse.FieldNode:
		k.field(n)
	case *parse.DotNode:
		k.fail("{{ . }} names no value", "write one of ."+strings.Join(cacheKeyValues, ", ."))
	case *parse.IfNode, *parse.RangeNode, *parse.WithNode, *parse.TemplateNode:
		k.fail("a key has values and functions only, no "+strings.Fields(n.String())[0], "put the choice into a run step that writes a file, and use its checksum")
	}
}

func (k *keyCheck) command(n *parse.CommandNode) {
	if name, ok := n.Args[0].(*parse.IdentifierNode); ok && name.Ident == "checksum" {
		if len(n.Args) != 2 {
			k.fail("checksum takes the name of one file", "write {{ checksum \"package.json\" }}")
		} else if text, ok := n.Args[1].(*parse.StringNode); ok && text.Text == "" {
			k.fail("checksum takes the name of a file", "write {{ checksum \"package.json\" }}")
		}
	}
	for _, argument := range n.Args {
		k.node(argument)
	}
}

func (k *keyCheck) field(n *parse.FieldNode) {
	name := n.Ident[0]
	for _, value := range cacheKeyValues {
		if value != name {
			continue
		}
		if name == "Environment" && len(n.Ident) != 2 {
			k.fail("{{ .Environment }} needs the name of a variable", "write {{ .Environment.NAME }}")
		} else if name != "Environment" && len(n.Ident) > 1 {
			k.fail("{{ "+n.String()+" }}: "+name+" has no parts", "write {{ ."+name+" }}")
		}
		return
	}
	way := suggest(name, cacheKeyValues)
	if way == "" {
		way = "write one of ." + strings.Join(cacheKeyValues, ", .") + "; a variable of the job is .Environment.NAME"
	}
	k.fail("a key knows no value ."+name, way)
}
