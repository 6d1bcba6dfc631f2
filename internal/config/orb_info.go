// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"slices"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// DefaultOrbFile is the name that errors in an orb's source show.
const DefaultOrbFile = "orb.yml"

// OrbInfo is what an orb's source says of itself.
type OrbInfo struct {
	Description string
}

// ReadOrb checks that a text has the shape of an orb, and reads what it says of
// itself. Whether what is in it makes sense shows when it is compiled, for which
// the orbs that it refers to have to be there.
func ReadOrb(source string) (OrbInfo, []core.ConfigError) {
	r := orbReader{lines: document.NewLines(source)}
	root, err := document.Parse(source, document.LimitsFor(len(source)))
	if err != nil {
		var e *document.Error
		if !errors.As(err, &e) {
			return OrbInfo{}, []core.ConfigError{{Message: "Unable to parse YAML", File: DefaultOrbFile}}
		}
		r.fail(&document.Node{Line: e.Line, Column: e.Column}, e.Message, e.Suggestion)
		return OrbInfo{}, r.errors
	}
	if root.Kind != document.Map {
		r.fail(root, "expected type: Mapping, found: "+root.Kind.String(), "an orb is a map with version, commands, jobs, executors ...")
		return OrbInfo{}, r.errors
	}
	r.checkKeys(root)
	r.checkVersion(root)
	info := OrbInfo{Description: r.text(root.Get("description"))}
	for _, key := range []string{"orbs", "commands", "jobs", "executors", "examples"} {
		if n := root.Get(key); n != nil && n.Kind != document.Map && n.Kind != document.Null {
			r.fail(n, "expected type: Mapping, found: "+n.Kind.String(), "write the "+key+" below their names")
		}
	}
	return info, r.errors
}

// orbReader collects the mistakes of one source.
type orbReader struct {
	lines  *document.Lines
	errors []core.ConfigError
}

func (r *orbReader) fail(n *document.Node, message, suggestion string) {
	e := core.ConfigError{Message: message, File: DefaultOrbFile, Line: n.Line, Column: n.Column, Suggestion: suggestion, Path: n.Path()}
	if n.Line > 0 {
		e.Excerpt = r.lines.Excerpt(n.Line, n.Column)
	}
	r.errors = append(r.errors, e)
}

// checkKeys refuses what has a meaning in a config only; other keys are free.
func (r *orbReader) checkKeys(root *document.Node) {
	for i := range root.Keys {
		if key := root.Keys[i].Text; slices.Contains(configOnly, key) {
			r.fail(root.KeyAt(i), "extraneous key ["+key+"] is not permitted", "an orb holds no such thing; "+permittedKeys(orbKeys))
		}
	}
}

func (r *orbReader) checkVersion(root *document.Node) {
	version := root.Get("version")
	switch {
	case version == nil: // the compiler takes it for 2.1, too
	case !version.IsScalar() || version.Text != "2.1":
		r.fail(version, "Unsupported or missing workflows config version", "an orb has version: 2.1")
	}
}

func (r *orbReader) text(n *document.Node) string {
	if n == nil || n.Kind == document.Null {
		return ""
	}
	if !n.IsScalar() {
		r.fail(n, "expected type: String, found: "+n.Kind.String(), "")
		return ""
	}
	return n.Text
}
