// SPDX-License-Identifier: MPL-2.0

package language

import "github.com/muster-ci/muster/internal/config"

type object = map[string]any

// Schema returns the JSON schema of a config, draft 07, which is what editors'
// YAML plugins know best. It permits all that compiles without a warning; what a
// schema cannot say, such as that a name is defined, the compiler tells.
func Schema() map[string]any {
	definitions := object{}
	for name := range config.Mappings() {
		definitions[name] = mappingSchema(name)
	}
	return object{
		"$schema":     "http://json-schema.org/draft-07/schema#",
		"title":       "Muster config",
		"description": "A .circleci/config.yml as Muster reads it, version " + config.Version + " of its compiler.",
		"$ref":        "#/definitions/" + Root,
		"definitions": definitions,
	}
}

func mappingSchema(name string) object {
	keys, open := Keys(name)
	properties, required := object{}, []string{}
	for _, key := range keys {
		schema := valueSchema(key.Value)
		schema["description"] = key.Doc
		properties[key.Name] = schema
		if key.Required {
			required = append(required, key.Name)
		}
	}
	schema := object{"type": "object", "properties": properties, "additionalProperties": open}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

// valueSchema permits null too, which the compiler takes for absent in most
// places, and a reference in << >> in the place of any value.
func valueSchema(value Value) object {
	either := []any{object{"type": "null"}, object{"type": "string", "pattern": "<<"}}
	for _, t := range value {
		either = append(either, t.schema())
	}
	return object{"anyOf": either}
}

func (t Type) schema() object {
	switch {
	case t.List != nil:
		return object{"type": "array", "items": valueSchema(t.List)}
	case t.Names != nil:
		return object{"type": "object", "additionalProperties": valueSchema(t.Names)}
	case t.Mapping != "":
		return object{"$ref": "#/definitions/" + t.Mapping}
	}
	switch t.Scalar {
	case "text":
		return object{"type": "string"}
	case "boolean": // the words of YAML 1.1 are texts to an editor
		return object{"anyOf": []any{object{"type": "boolean"}, object{"enum": []any{"yes", "no", "on", "off", "Yes", "No", "On", "Off", "YES", "NO", "ON", "OFF"}}}}
	case "integer", "number":
		return object{"type": t.Scalar}
	default:
		return object{}
	}
}
