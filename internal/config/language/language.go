// SPDX-License-Identifier: MPL-2.0

package language

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/muster-ci/muster/internal/config"
)

// Root is the mapping at the top of a config.
const Root = "config"

// Key is a key of a mapping.
type Key struct {
	Name     string
	Doc      string // a sentence
	Value    Value
	Required bool
}

// Value is what may stand at a place, one of several types.
type Value []Type

// Type is one of: a scalar (text, boolean, integer, number, any), the mapping
// of a name, a list of values, or a mapping of free names to values.
type Type struct {
	Scalar  string
	Mapping string
	List    Value
	Names   Value
}

type mapping struct {
	keys []Key
	open bool
}

var mappings = sync.OnceValue(func() map[string]mapping {
	described := map[string]map[string]about{}
	for _, part := range []map[string]map[string]about{keys, flowKeys, stepKeys} {
		maps.Copy(described, part)
	}
	found := map[string]mapping{}
	for name, m := range config.Mappings() {
		shape := mapping{open: m.Open}
		for _, key := range m.Permitted {
			about := described[name][key]
			shape.keys = append(shape.keys, Key{Name: key, Doc: about.doc, Value: parseValue(about.value), Required: slices.Contains(m.Required, key)})
		}
		found[name] = shape
	}
	return found
})

// Keys returns the keys of a mapping by its name, and whether it takes others.
func Keys(name string) (keys []Key, open bool) {
	m := mappings()[name]
	return m.keys, m.open
}

// Find returns one key of a mapping.
func Find(name, key string) (Key, bool) {
	keys, _ := Keys(name)
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == key })
	if i < 0 {
		return Key{}, false
	}
	return keys[i], true
}

// At returns what may stand at a path from the top of a config: keys, and any
// text for the place in a list.
func At(path []string) Value {
	value := Value{{Mapping: Root}}
	for _, step := range path {
		var next Value
		for _, t := range value {
			next = append(next, t.below(step)...)
		}
		value = next
	}
	return value
}

func (t Type) below(step string) Value {
	switch {
	case t.List != nil:
		return t.List
	case t.Names != nil:
		return t.Names
	}
	if key, ok := Find(t.Mapping, step); ok {
		return key.Value
	}
	return nil
}

var scalars = []string{"text", "boolean", "integer", "number", "any"}

// parseValue reads the notation of about.
func parseValue(text string) Value {
	var value Value
	for _, part := range alternatives(text) {
		switch {
		case part == "":
		case part[0] == '[':
			value = append(value, Type{List: parseValue(part[1 : len(part)-1])})
		case part[0] == '{':
			value = append(value, Type{Names: parseValue(part[1 : len(part)-1])})
		case slices.Contains(scalars, part):
			value = append(value, Type{Scalar: part})
		default:
			value = append(value, Type{Mapping: part})
		}
	}
	return value
}

// alternatives cuts at the | that stand in no bracket.
func alternatives(text string) []string {
	var parts []string
	depth, start := 0, 0
	for i, r := range text {
		switch {
		case strings.ContainsRune("[{", r):
			depth++
		case strings.ContainsRune("]}", r):
			depth--
		case r == '|' && depth == 0:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}
