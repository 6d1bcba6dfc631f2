// SPDX-License-Identifier: MPL-2.0

//go:build corpus

package sarif

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config"
)

// TestPublishedSchema holds the logs of all configs in internal/config/testdata
// against the schema that the format is published with. It is not kept here, so
// the test has a build tag of its own: MUSTER_SARIF_SCHEMA names the file
// sarif-2.1/schema/sarif-schema-2.1.0.json of github.com/oasis-tcs/sarif-spec.
//
//	MUSTER_SARIF_SCHEMA=... go test -tags=corpus -run PublishedSchema ./internal/sarif
func TestPublishedSchema(t *testing.T) {
	t.Parallel()
	schema := published(t)
	if schema.Validate(decoded(t, []byte(`{"version": "2.1.0", "runs": [{"results": []}]}`))) == nil {
		t.Error("a run without a tool fits the schema")
	}
	paths, _ := filepath.Glob("../config/testdata/*/*.yml")
	results := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"", "a folder/über.yml", "../x.yml", "/abs/x.yml", "a:b.yml", "https://example.com/a b.yml"} {
			result, _ := config.Compile(t.Context(), core.CompileRequest{Config: string(text)}, config.Options{File: name})
			var log bytes.Buffer
			if err := Write(&log, append(result.Errors, core.ConfigError{}), result.Warnings); err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(decoded(t, log.Bytes())); err != nil {
				t.Errorf("%s as %q: %v", path, name, err)
			}
			results += len(result.Errors) + len(result.Warnings)
		}
	}
	t.Logf("%d configs, %d results", len(paths), results)
	if results < 1000 {
		t.Errorf("only %d results in %d configs", results, len(paths))
	}
}

func published(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(os.Getenv("MUSTER_SARIF_SCHEMA"))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(Schema, decoded(t, text)); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(Schema)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func decoded(t *testing.T, text []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}
