// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Parse returns the blocks of a file for programs that help people write it: as
// many as can be read of one with mistakes, nil for one that is not worth
// parsing. Compile tells what is wrong.
func Parse(file, text string) *hclsyntax.Body {
	r := &reader{problems: &problems{file: file, text: text, seen: map[string]bool{}}}
	src := []byte(text)
	if !r.scan(src, 0) {
		return nil
	}
	parsed, _ := hclsyntax.ParseConfig(src, file, hcl.InitialPos)
	if parsed == nil {
		return nil
	}
	body, _ := parsed.Body.(*hclsyntax.Body)
	return body
}
