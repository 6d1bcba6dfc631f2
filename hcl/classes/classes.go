// SPDX-License-Identifier: MPL-2.0

package classes

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/muster-ci/muster/core"
)

// Set is a checked collection of classes. It never changes.
type Set struct {
	classes  []core.ResourceClass // by executor, then in the order of the file
	byName   map[key]core.ResourceClass
	defaults map[core.ExecutorKind]core.ResourceClass
}

type key struct {
	executor core.ExecutorKind
	name     string
}

type file struct {
	Classes []class `hcl:"class,block"`
}

type class struct {
	Executor string    `hcl:"executor,label"`
	Name     string    `hcl:"name,label"`
	CPU      int       `hcl:"cpu"`
	Memory   int       `hcl:"memory"`
	Disk     int       `hcl:"disk,optional"`
	Pool     string    `hcl:"pool,optional"`
	Default  bool      `hcl:"default,optional"`
	Place    hcl.Range `hcl:",def_range"`
}

// What a class gets that does not say.
const (
	defaultDisk = 10 * 1024
	defaultPool = "default"
)

// The least and the most that make sense; beyond them stands a slip of units.
const (
	minCPU, maxCPU       = 20, 1 << 20
	minMemory, maxMemory = 32, 4 << 20
	minDisk, maxDisk     = 64, 64 << 20
	maxFile              = 1 << 20
	maxClasses           = 1000
)

// Load reads classes out of HCL. Its error lists every mistake with its place.
func Load(filename string, src []byte) (*Set, error) {
	if len(src) > maxFile {
		return nil, core.Errorf(core.CodeInvalid, "%s is larger than 1 MiB; that is no list of resource classes", filename)
	}
	parsed, diags := hclsyntax.ParseConfig(src, filename, hcl.InitialPos)
	var f file
	if !diags.HasErrors() {
		diags = append(diags, gohcl.DecodeBody(parsed.Body, nil, &f)...)
	}
	if !diags.HasErrors() {
		diags = append(diags, check(f.Classes)...)
	}
	if diags.HasErrors() {
		return nil, invalid(diags)
	}
	set := make([]core.ResourceClass, len(f.Classes))
	for i, c := range f.Classes {
		set[i] = c.noun()
	}
	return newSet(set), nil
}

func (c class) noun() core.ResourceClass {
	return core.ResourceClass{
		Name: c.Name, Executor: core.ExecutorKind(c.Executor),
		CPU: c.CPU, Memory: c.Memory, Disk: cmp.Or(c.Disk, defaultDisk),
		Pool: cmp.Or(c.Pool, defaultPool), Default: c.Default,
	}
}

func newSet(classes []core.ResourceClass) *Set {
	s := &Set{byName: map[key]core.ResourceClass{}, defaults: map[core.ExecutorKind]core.ResourceClass{}}
	s.classes = slices.Clone(classes)
	slices.SortStableFunc(s.classes, func(a, b core.ResourceClass) int { return cmp.Compare(a.Executor, b.Executor) })
	for _, c := range s.classes {
		s.byName[key{c.Executor, c.Name}] = c
		if c.Default {
			s.defaults[c.Executor] = c
		}
	}
	return s
}

// poolName is what Nomad takes as the name of a node pool.
var poolName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)

// className is CircleCI's: words, dots and dashes, with a namespace before "/".
var className = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._+-]{0,63}(/[a-zA-Z0-9][a-zA-Z0-9._+-]{0,63})?$`)

// check finds what the schema cannot.
func check(classes []class) hcl.Diagnostics {
	var diags hcl.Diagnostics
	bad := func(c class, format string, args ...any) {
		diags = append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: "Resource class is not usable",
			Detail: fmt.Sprintf(format, args...), Subject: c.Place.Ptr(),
		})
	}
	if len(classes) > maxClasses {
		bad(classes[maxClasses], "there are %d classes; %d is the most", len(classes), maxClasses)
		return diags
	}
	seen := map[key]hcl.Range{}
	defaults := map[string]hcl.Range{}
	for _, c := range classes {
		checkOne(c, bad)
		k := key{core.ExecutorKind(c.Executor), c.Name}
		if before, ok := seen[k]; ok {
			bad(c, "class %q of %s was given already at line %d", c.Name, c.Executor, before.Start.Line)
		}
		seen[k] = c.Place
		if before, ok := defaults[c.Executor]; ok && c.Default {
			bad(c, "%s has a default class already at line %d; keep one", c.Executor, before.Start.Line)
		}
		if c.Default {
			defaults[c.Executor] = c.Place
		}
	}
	for _, c := range classes {
		if _, ok := defaults[c.Executor]; !ok {
			bad(c, "no class of %s is the default; set default = true in one of them", c.Executor)
			defaults[c.Executor] = c.Place
		}
	}
	return diags
}

func checkOne(c class, bad func(class, string, ...any)) {
	switch core.ExecutorKind(c.Executor) {
	case core.ExecutorDocker, core.ExecutorMachine:
	default:
		bad(c, "executor %q is not known; use docker or machine", c.Executor)
	}
	if !className.MatchString(c.Name) {
		bad(c, "%q cannot name a class: use letters, digits, '.', '_', '+' and '-', and at most one '/'", c.Name)
	}
	if c.CPU < minCPU || c.CPU > maxCPU {
		bad(c, "cpu is %d; it counts MHz and goes from %d to %d", c.CPU, minCPU, maxCPU)
	}
	if c.Memory < minMemory || c.Memory > maxMemory {
		bad(c, "memory is %d; it counts MiB and goes from %d to %d", c.Memory, minMemory, maxMemory)
	}
	if c.Disk != 0 && (c.Disk < minDisk || c.Disk > maxDisk) {
		bad(c, "disk is %d; it counts MiB and goes from %d to %d", c.Disk, minDisk, maxDisk)
	}
	if c.Pool != "" && !poolName.MatchString(c.Pool) {
		bad(c, "pool %q cannot name a Nomad node pool: use letters, digits, '_' and '-'", c.Pool)
	}
}

func invalid(diags hcl.Diagnostics) error {
	texts := make([]string, 0, len(diags))
	for _, d := range diags {
		texts = append(texts, d.Error())
	}
	return core.Errorf(core.CodeInvalid, "%s", strings.Join(texts, "\n"))
}

// Lookup returns a class by executor and name; "" means the executor's default.
// An unknown one is CodeInvalid with a message for the author of the config.
func (s *Set) Lookup(executor core.ExecutorKind, name string) (core.ResourceClass, error) {
	if name == "" {
		if c, ok := s.defaults[executor]; ok {
			return c, nil
		}
		return core.ResourceClass{}, core.Errorf(core.CodeInvalid, "this installation has no resource classes for the %s executor", executor)
	}
	if c, ok := s.byName[key{executor, name}]; ok {
		return c, nil
	}
	return core.ResourceClass{}, core.Errorf(core.CodeInvalid,
		"resource_class %q is not one of those that the %s executor has here: %s", name, executor, strings.Join(s.names(executor), ", "))
}

func (s *Set) names(executor core.ExecutorKind) []string {
	var names []string
	for _, c := range s.classes {
		if c.Executor == executor {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return []string{"none"}
	}
	return names
}

// All returns every class, by executor and then as the file lists them.
func (s *Set) All() []core.ResourceClass { return slices.Clone(s.classes) }

// Pools returns the names of the node pools that classes use, sorted.
func (s *Set) Pools() []string {
	var pools []string
	for _, c := range s.classes {
		pools = append(pools, c.Pool)
	}
	slices.Sort(pools)
	return slices.Compact(pools)
}
