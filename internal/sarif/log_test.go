// SPDX-License-Identifier: MPL-2.0

package sarif

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

// TestWrite holds a log against what the published schema requires: version
// and runs; tool.driver.name; a message for every result; positive places; a
// URI that is one.
func TestWrite(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	errors := []core.ConfigError{
		{Message: "wrong", Suggestion: "do this", File: "a folder/conf.yml", Line: 3, Column: 4, Path: "jobs/build"},
		{Message: "no place", File: "conf.yml"},
		{Message: "no file"},
	}
	if err := Write(&out, errors, []core.ConfigError{{Message: "odd", File: "conf.yml", Line: 1, Column: 1}}); err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	place := func(uri string, region any) []any {
		physical := object{"artifactLocation": object{"uri": uri}}
		if region != nil {
			physical["region"] = region
		}
		return []any{object{"physicalLocation": physical}}
	}
	whole := place("a%20folder/conf.yml", object{"startLine": 3.0, "startColumn": 4.0})
	whole[0].(object)["logicalLocations"] = []any{object{"fullyQualifiedName": "jobs/build"}}
	want := object{
		"$schema": Schema, "version": "2.1.0",
		"runs": []any{object{
			"tool": object{"driver": object{
				"name": "muster", "informationUri": "https://github.com/muster-ci/muster",
				"rules": []any{
					object{"id": "config-error", "shortDescription": object{"text": "The config does not compile."}},
					object{"id": "config-warning", "shortDescription": object{"text": "The config compiles to what is hardly meant."}},
				},
			}},
			"columnKind": "unicodeCodePoints",
			"results": []any{
				object{"ruleId": "config-error", "ruleIndex": 0.0, "level": "error", "message": object{"text": "wrong\ndo this"}, "locations": whole},
				object{"ruleId": "config-error", "ruleIndex": 0.0, "level": "error", "message": object{"text": "no place"}, "locations": place("conf.yml", nil)},
				object{"ruleId": "config-error", "ruleIndex": 0.0, "level": "error", "message": object{"text": "no file"}},
				object{
					"ruleId": "config-warning", "ruleIndex": 1.0, "level": "warning", "message": object{"text": "odd"},
					"locations": place("conf.yml", object{"startLine": 1.0, "startColumn": 1.0}),
				},
			},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
