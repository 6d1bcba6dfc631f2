// SPDX-License-Identifier: MPL-2.0

package language

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config"
)

// TestDescribesWhatTheCompilerReads: each key of the compiler has a sentence
// and a kind of value, and nothing else is described.
func TestDescribesWhatTheCompilerReads(t *testing.T) {
	t.Parallel()
	described := map[string]map[string]about{}
	for _, part := range []map[string]map[string]about{keys, flowKeys, stepKeys} {
		maps.Copy(described, part)
	}
	shapes := config.Mappings()
	for name, shape := range shapes {
		left := maps.Clone(described[name])
		for _, key := range shape.Permitted {
			if a := left[key]; a.doc == "" || a.value == "" {
				t.Errorf("the key %s of %s is not described", key, name)
			}
			delete(left, key)
		}
		for key := range left {
			t.Errorf("%s has no key %s", name, key)
		}
		delete(described, name)
	}
	for name := range described {
		t.Errorf("the compiler knows no mapping %s", name)
	}
	for name := range shapes {
		found, _ := Keys(name)
		for _, key := range found {
			known(t, name+"/"+key.Name, key.Value, shapes)
		}
	}
}

func known(t *testing.T, place string, value Value, shapes map[string]config.Mapping) {
	for _, part := range value {
		if _, ok := shapes[part.Mapping]; part.Mapping != "" && !ok {
			t.Errorf("%s takes a mapping %s, which there is not", place, part.Mapping)
		}
		known(t, place, append(append(Value{}, part.List...), part.Names...), shapes)
	}
}

func TestAt(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"jobs/build": "job", "jobs/build/steps/0": "step", "jobs/build/steps/0/run": "run", "workflows/all/jobs/0/build": "call",
		"workflows/all/jobs/0/build/filters": "filter", "orbs/x/commands/y/steps/3/when/condition/and/0": "logic", "nothing/here": "",
	} {
		got := ""
		for _, part := range At(strings.Split(path, "/")) {
			got += part.Mapping
		}
		if got != want {
			t.Errorf("%s is %q, not %q", path, got, want)
		}
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	data, err := json.Marshal(Schema())
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func asJSON(t *testing.T, text string) any {
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return nil // keys that are no texts
	}
	value, err = jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// TestSchemaPermitsWhatCompiles runs the compiler's own examples by the schema.
func TestSchemaPermitsWhatCompiles(t *testing.T) {
	t.Parallel()
	schema, count := compiled(t), 0
	err := filepath.WalkDir(filepath.Join("..", "testdata"), func(path string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		result, err := config.Compile(t.Context(), core.CompileRequest{Config: string(text), Values: config.OutsideValues()}, config.Options{})
		if err != nil || len(result.Errors) > 0 || len(result.Warnings) > 0 {
			return nil // what has no effect is a warning of the compiler
		}
		if value := asJSON(t, string(text)); value != nil {
			count++
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count < 20 {
		t.Errorf("only %d configs were checked", count)
	}
}

func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	for name, text := range map[string]string{
		"key":      "{version: 2.1, jobs: {a: {machine: true, stepz: []}}}",
		"required": "{version: 2.1, commands: {a: {}}}",
		"kind":     "{version: 2.1, jobs: {a: {machine: true, parallelism: {}}}}",
		"nested":   "{version: 2.1, jobs: {a: {machine: true, steps: [{run: {comand: x}}]}}}",
		"version":  "{jobs: {}}",
	} {
		if schema.Validate(asJSON(t, text)) == nil {
			t.Errorf("%s: %s passes", name, text)
		}
	}
}
