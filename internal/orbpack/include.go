// SPDX-License-Identifier: MPL-2.0

package orbpack

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
)

// directive is <<include(path)>>, with blanks where a template may have them.
var directive = regexp.MustCompile(`<<\s*include\(([^()<>\n]*)\)\s*>>`)

// hasIncludes tells in which sections includes count. In a description or an
// example the author shows the directive itself.
func hasIncludes(section string) bool {
	return slices.Contains([]string{"jobs", "commands", "executors"}, section)
}

// include returns a value with the texts of files in place of its directives.
func (p *packer) include(n *document.Node, file string) (*document.Node, error) {
	switch n.Kind {
	case document.String:
		return p.includeText(n, file)
	case document.List, document.Map:
	default:
		return n, nil
	}
	items := make([]*document.Node, len(n.Items))
	changed := false
	for i, item := range n.Items {
		included, err := p.include(item, file)
		if err != nil {
			return nil, err
		}
		items[i], changed = included, changed || included != item
	}
	if !changed {
		return n, nil
	}
	return &document.Node{Kind: n.Kind, Keys: n.Keys, Items: items, Line: n.Line, Column: n.Column}, nil
}

func (p *packer) includeText(n *document.Node, file string) (*document.Node, error) {
	found := directive.FindAllStringSubmatchIndex(n.Text, -1)
	if len(found) == 0 {
		return n, nil
	}
	var text strings.Builder
	end := 0
	for _, at := range found {
		name := path.Clean(strings.TrimSpace(n.Text[at[2]:at[3]]))
		if name == "." || !fs.ValidPath(name) {
			return nil, fmt.Errorf("%s:%d: include(%s) does not name a file below the orb's folder", file, n.Line, n.Text[at[2]:at[3]])
		}
		content, err := p.read(name)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: including a file: %w", file, n.Line, err)
		}
		text.WriteString(n.Text[end:at[0]])
		text.WriteString(strings.ReplaceAll(content, "<<", `\<<`))
		end = at[1]
	}
	text.WriteString(n.Text[end:])
	return &document.Node{Kind: document.String, Quoted: true, Text: text.String(), Line: n.Line, Column: n.Column}, nil
}
