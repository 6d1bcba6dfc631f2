// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"reflect"
	"strings"
	"time"
)

// schemaSet are the named schemas of the document, made from Go types by their
// json tags and the tags that package api explains.
type schemaSet map[string]object

// of returns the schema of a type, by reference where it has a name.
func (s schemaSet) of(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return s.nullable(t.Elem())
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return object{"type": "string", "format": "byte"}
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case t.Kind() == reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case t.Kind() == reflect.Struct:
		return s.reference(t)
	}
	return plain(t)
}

func plain(t reflect.Type) object {
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer", "format": "int64"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": "string"}
	default:
		return object{} // anything
	}
}

// nullable cannot stand beside a reference in OpenAPI 3.0, hence the allOf.
func (s schemaSet) nullable(t reflect.Type) object {
	schema := s.of(t)
	if _, isReference := schema["$ref"]; isReference {
		return object{"allOf": []object{schema}, "nullable": true}
	}
	schema["nullable"] = true
	return schema
}

func (s schemaSet) reference(t reflect.Type) object {
	name := schemaName(t)
	if _, known := s[name]; !known {
		s[name] = object{} // ends the recursion of a type that holds itself
		s[name] = s.structure(t)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

// schemaName turns List[...api.Pipeline] into PipelineList.
func schemaName(t reflect.Type) string {
	name, argument, generic := strings.Cut(t.Name(), "[")
	if !generic {
		return name
	}
	argument = strings.TrimSuffix(argument, "]")
	return argument[strings.LastIndexByte(argument, '.')+1:] + name
}

func (s schemaSet) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, field := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous || name == "" || name == "-" {
			continue
		}
		properties[name] = s.field(field)
		if !strings.Contains(options, "omitempty") {
			required = append(required, name)
		}
	}
	schema := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

func (s schemaSet) field(field reflect.StructField) object {
	t := field.Type
	if t.Kind() == reflect.Pointer && strings.Contains(field.Tag.Get("json"), "omitempty") {
		t = t.Elem() // absent instead of null
	}
	schema := s.of(t)
	if _, isReference := schema["$ref"]; isReference {
		return schema
	}
	if format := field.Tag.Get("format"); format != "" {
		schema["format"] = format
	}
	if values := field.Tag.Get("enum"); values != "" {
		schema["enum"] = strings.Split(values, ",")
	}
	if doc := field.Tag.Get("doc"); doc != "" {
		schema["description"] = doc
	}
	return schema
}
