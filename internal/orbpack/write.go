// SPDX-License-Identifier: MPL-2.0

package orbpack

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/muster-ci/muster/internal/config/document"
)

// write prints a packed orb. Comments and anchors are gone; values are as they
// were written, so that what a file meant by `on` or `1.10` it means here.
func write(m *mapping) (string, error) {
	var out strings.Builder
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(yamlOf(m.node())); err != nil {
		return "", fmt.Errorf("writing the orb: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return "", fmt.Errorf("writing the orb: %w", err)
	}
	return out.String(), nil
}

func yamlOf(n *document.Node) *yaml.Node {
	switch n.Kind {
	case document.Map:
		node := &yaml.Node{Kind: yaml.MappingNode}
		for i, key := range n.Keys {
			node.Content = append(node.Content, text(key.Text), yamlOf(n.Items[i]))
		}
		return node
	case document.List:
		node := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range n.Items {
			node.Content = append(node.Content, yamlOf(item))
		}
		return node
	case document.String:
		// Unquoted words are left so: some of them are booleans to who wants one.
		if _, isBool := n.AsBool(); isBool {
			return &yaml.Node{Kind: yaml.ScalarNode, Value: n.Text}
		}
		return text(n.Text)
	case document.Null:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: n.Text}
	}
}

func text(value string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	if strings.Contains(value, "\n") {
		node.Style = yaml.LiteralStyle // the encoder quotes what a block cannot hold
	}
	return node
}
