// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// Version names the meaning of the language as this package reads it. Whoever
// keeps results must keep it with them and drop them when it changes.
const Version = "10"

// DefaultFile is where a repository keeps its config.
const DefaultFile = ".circleci/config.yml"

// Options are what a compilation depends on besides the request.
type Options struct {
	// File is the name that errors show; "" means DefaultFile.
	File string
	// MaxBytes of the text and of its orbs together; 0 means 768 KiB. Other limits
	// of their size grow with it, see document.LimitsFor.
	MaxBytes int
	// Panicked is told when the compiler itself broke, for the operator's log;
	// the user gets a sentence. May be nil.
	Panicked func(value any, stack []byte)
	// Orbs answers references to orbs. nil: there is no registry, so that only
	// inline orbs can be used.
	Orbs OrbResolver
	// Cache keeps orbs between compilations; nil keeps none.
	Cache *OrbCache
	// Read is told the name of each pipeline value that the compilation looked
	// at. A request with the same config and parameters whose values of these
	// names are the same has the same result. May be nil.
	Read func(name string)
}

// Limits of what a config may expand to. A plan travels as one message to the
// later stages and stays in their tables.
const (
	maxSteps     = 25_000    // of all jobs together
	maxPlanBytes = 16 << 20  // of commands, environments and names; CircleCI stops at 8 MB of text
	maxCallDepth = 50        // commands that call commands
	maxErrors    = 100       // shown
	maxParallel  = 256       // tasks of a job
	maxName      = 200       // characters of a job's name
	maxText      = 256 << 10 // bytes that templates may make of one string
)

// compiler is the state of one compilation.
//
// The embedded module is the one whose text is being read: names are looked up
// in it and nowhere else. It changes with every step into an orb and back.
type compiler struct {
	*problems
	*module
	templating
	remembered
	flow
	ctx     context.Context
	request core.CompileRequest
	read    func(name string)
	reuse   bool                        // version 2.1: parameters, executors, commands and << >>
	modules map[*document.Node]*module  // by the mapping that holds their elements
	caches  cacheUse                    // of all modules
	spare   []map[string]*document.Node // of arguments
	loader  *loader                     // of orbs that are not inline

	stepCount int // expanded so far
	byteCount int // of the plan so far
}

// stopped is the panic value that ends a compilation beyond a limit: it is
// thrown from deep inside an expansion and caught in Compile.
type stopped struct{}

// Compile turns a config into a plan. Mistakes are in the result's Errors; a
// context that ends in the middle is one too, which the caller tells apart by
// asking the context. The error is not about the config: the resolver of orbs
// could not answer.
func Compile(ctx context.Context, request core.CompileRequest, options Options) (core.CompileResult, error) {
	return compileWith(ctx, request, options, func(c *compiler) core.CompileResult {
		return c.compile(document.LimitsFor(options.MaxBytes))
	})
}

func compileWith(ctx context.Context, request core.CompileRequest, options Options, run func(*compiler) core.CompileResult) (result core.CompileResult, err error) {
	if options.File == "" {
		options.File = DefaultFile
		if request.IsOrb {
			options.File = DefaultOrbFile
		}
	}
	if options.Read == nil {
		options.Read = func(string) {}
	}
	c := &compiler{problems: newProblems(options.File, request.Config), ctx: ctx, request: request, read: options.Read, loader: newLoader(request, options)}
	defer func() {
		if err = c.loader.unanswered; err != nil {
			result = core.CompileResult{}
		}
	}()
	defer c.recovered(&result, options)
	return run(c), nil
}

// recovered turns a panic into a result. It is deferred by Compile.
func (c *compiler) recovered(result *core.CompileResult, options Options) {
	switch caught := recover(); caught.(type) {
	case nil:
		return
	case stopped:
	default:
		if options.Panicked != nil {
			options.Panicked(caught, debug.Stack())
		}
		c.calls = nil
		c.fail(nil, "Muster's config compiler broke on this config", "please report it with the config; the operator's log has the details")
	}
	*result = c.failure()
}

func (c *compiler) compile(limits document.Limits) core.CompileResult {
	root, err := document.Parse(c.request.Config, limits)
	if err != nil {
		c.parseFailed(err)
		return c.failure()
	}
	return c.compileRoot(root)
}

// compileRoot runs the stages behind the first.
func (c *compiler) compileRoot(root *document.Node) core.CompileResult {
	c.module = c.newModule(root, "")
	if c.request.IsOrb {
		return c.compileOrb()
	}
	if !c.selectDefinitions() {
		return c.failure()
	}
	workflows := c.readWorkflows()
	c.checkUnread()
	c.warnUnsaved()
	c.checkLoaded()
	c.checkContinues(workflows)
	for _, w := range workflows {
		c.order(w)
	}
	if len(c.errors) > 0 {
		return c.failure()
	}
	c.warnResults(workflows)
	for _, w := range workflows {
		c.filter(w)
	}
	plan := c.plan(workflows)
	if len(c.errors) > 0 {
		return c.failure()
	}
	processed := c.emit(workflows)
	return core.CompileResult{Plan: plan, Processed: processed, Warnings: c.sorted(c.warnings), Parameters: c.declaredParameters(), Orbs: c.loader.locked()}
}

func (c *compiler) failure() core.CompileResult {
	return core.CompileResult{Errors: c.sorted(c.errors), Warnings: c.sorted(c.warnings), Orbs: c.loader.locked()}
}

func (c *compiler) parseFailed(err error) {
	var e *document.Error
	if !errors.As(err, &e) {
		c.fail(nil, "Unable to parse YAML", "")
		return
	}
	for _, e := range append([]*document.Error{e}, e.Also...) {
		var place *document.Node
		if e.Line > 0 {
			place = &document.Node{Line: e.Line, Column: e.Column}
		}
		c.fail(place, e.Message, e.Suggestion)
	}
}

// spend counts what the config expands to and ends the compilation when it is
// too much, or when nobody waits for it any more.
func (c *compiler) spend(place *document.Node, steps, bytes int) {
	c.stepCount += steps
	c.byteCount += bytes
	switch {
	case c.stepCount > maxSteps:
		c.fail(place, fmt.Sprintf("The config expands to more than %d steps; that is the limit", maxSteps), "call fewer jobs, or move steps into scripts")
	case c.byteCount > maxPlanBytes:
		c.fail(place, fmt.Sprintf("The config expands to more than %d bytes; that is the limit", maxPlanBytes), "move long commands into scripts of the repository")
	case c.ctx.Err() != nil:
		c.fail(place, "The compilation was stopped before its end", "")
	default:
		return
	}
	panic(stopped{})
}
