// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// orbSource is the text of an orb, read as far as is possible without what it
// refers to. It is shared between compilations and never changed.
type orbSource struct {
	digest   string
	place    *source        // for excerpts; the file name is that of each reference
	root     *document.Node // of what could be read of it
	template *module        // nil when the text is no orb at all
	problems *problems
	size     document.Size
}

// readOrbSource reads a text.
func readOrbSource(digest, text string, size document.Size, limits document.Limits) *orbSource {
	s := &orbSource{digest: digest, place: newSource(digest, text), size: size}
	s.place.digest = digest
	c := &compiler{problems: newProblems("", ""), ctx: context.Background(), read: func(string) {}, reuse: true}
	c.main = s.place
	c.request.Values = sampleValues
	s.problems = c.problems
	root, err := document.Parse(text, limits)
	if err != nil {
		c.parseFailed(err)
		return s
	}
	s.root = root
	if root.Kind != document.Map {
		c.wrongType(root, document.Map)
		return s
	}
	c.guarded(func() {
		m := c.newModule(root, "")
		c.module = m
		c.checkOrbVersion()
		c.checkOrbKeys()
		c.readElements()
		c.checkJobNames()
		s.template = m
	})
	return s
}

// checkOrbVersion refuses versions that have no orbs. The key may be absent.
func (c *compiler) checkOrbVersion() {
	if v := c.root.Get("version"); v != nil && v.Text != "2.1" {
		c.fail(v, "Unsupported or missing workflows config version", "an orb has version: 2.1")
	}
}

// guarded runs f as far as the limits allow.
func (c *compiler) guarded(f func()) {
	defer func() {
		switch caught := recover(); caught.(type) {
		case nil, stopped:
		default:
			panic(caught)
		}
	}()
	f()
}

// sampleValues stand for a pipeline's in checks that hold for any pipeline.
var sampleValues = func() core.PipelineValues {
	values := core.PipelineValues{}
	for _, name := range valueNames {
		values[name] = "x"
	}
	values["number"] = 1
	for _, name := range []string{"git.branch.is_default", "in_setup"} {
		values[name] = true
	}
	return values
}()

// checkLoaded looks for mistakes in every part of the fetched orbs, called or
// not. What it finds follows from the sources alone, so that it is done once
// for them and not once for each config.
func (c *compiler) checkLoaded() {
	steps := 0
	for _, o := range c.loader.order {
		if o.module == nil {
			continue
		}
		checked := c.loader.cache.checked(o.print)
		if checked == nil {
			checked = c.check(o)
			if c.ctx.Err() == nil {
				c.loader.cache.keepChecked(o.print, checked)
			}
		}
		c.within("Error in orb: '"+clip(o.module.name)+"'", func() { c.adopt(checked.problems) })
		if steps += checked.steps; steps > maxSteps {
			c.fail(nil, "The orbs of this config expand to too many steps to check them; use fewer or smaller orbs", "")
			return
		}
	}
}

// checkedOrb is what was found in an orb with all its parts.
type checkedOrb struct {
	problems *problems
	steps    int // that it took
}

func (c *compiler) check(o *loaded) *checkedOrb {
	k := &compiler{problems: newProblems("", ""), ctx: c.ctx, read: func(string) {}, reuse: true}
	k.main = o.source.place
	k.request.Values = sampleValues
	k.loader = &loader{replay: c.loader, cache: c.loader.cache, byRef: map[string]*loaded{}, byDigest: map[string]*loaded{}}
	k.guarded(func() {
		k.module = k.instance(o.source.template, o.module.name)
		k.checkUnread()
	})
	return &checkedOrb{problems: k.problems, steps: k.stepCount}
}

// compileOrb checks the source of an orb by itself.
func (c *compiler) compileOrb() core.CompileResult {
	c.reuse = true
	if c.root.Kind != document.Map {
		c.wrongType(c.root, document.Map)
		return c.failure()
	}
	c.checkOrbVersion()
	c.checkOrbKeys()
	c.readElements()
	c.checkJobNames()
	c.checkUnread()
	c.checkLoaded()
	if len(c.errors) > 0 {
		return c.failure()
	}
	return core.CompileResult{Processed: c.request.Config, Warnings: c.sorted(c.warnings), Orbs: c.loader.locked()}
}
