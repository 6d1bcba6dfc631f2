// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/internal/api"
)

// object is a JSON object; encoding/json sorts its keys, so the document is the
// same for the same table.
type object = map[string]any

var pathParameter = regexp.MustCompile(`[:*]([a-z]+)`)

// describe makes the OpenAPI 3.0 document of a table of routes. Paths are under
// /api/v2 where they can be, as in CircleCI's document: its command line looks
// for paths["/context"] there to learn what a server can do. Other paths are
// whole and carry a server of their own, since two of them may end alike.
func describe(table []endpoint, url string) ([]byte, error) {
	schemas := schemaSet{}
	paths := object{}
	for _, e := range table {
		rest, isV2 := strings.CutPrefix(e.path, v2)
		path := pathParameter.ReplaceAllString(rest, "{$1}")
		item, ok := paths[path].(object)
		if !ok {
			item = object{}
			if !isV2 {
				item["servers"] = []object{{"url": url}}
			}
			paths[path] = item
		}
		item[strings.ToLower(e.method)] = operation(e, schemas)
	}
	schemas.of(reflect.TypeFor[api.Message]())
	document := object{
		"openapi": "3.0.3",
		"info": object{
			"title": "Muster", "version": "v2",
			"description": "CircleCI's API v2 as far as Muster has it, the parts of v1.1 that are still needed, and Muster's own routes.",
		},
		"servers": []object{{"url": url + v2}},
		"security": []object{
			{"api_key_header": []string{}}, {"bearer": []string{}}, {"basic_auth": []string{}}, {"api_key_query": []string{}},
		},
		"paths":      paths,
		"components": object{"schemas": schemas, "securitySchemes": securitySchemes()},
	}
	data, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("describing the API: %w", err)
	}
	return data, nil
}

func securitySchemes() object {
	return object{
		"api_key_header": object{"type": "apiKey", "in": "header", "name": "Circle-Token"},
		"api_key_query":  object{"type": "apiKey", "in": "query", "name": "circle-token"},
		"basic_auth":     object{"type": "http", "scheme": "basic"},
		"bearer":         object{"type": "http", "scheme": "bearer"},
	}
}

func operation(e endpoint, schemas schemaSet) object {
	op := object{"summary": e.summary, "operationId": operationID(e), "responses": responses(e, schemas)}
	if parameters := parametersOf(e); len(parameters) > 0 {
		op["parameters"] = parameters
	}
	switch {
	case e.in != nil:
		op["requestBody"] = object{"content": object{"application/json": object{"schema": schemas.of(reflect.TypeOf(e.in))}}}
	case e.method == http.MethodPut && e.media != "":
		op["requestBody"] = object{"required": true, "content": object{e.media: object{"schema": object{"type": "string", "format": "binary"}}}}
	}
	if e.access == accessPublic || e.access == accessKey || e.access == accessAnybody {
		op["security"] = []object{}
	}
	return op
}

// operationID is unique because method and path are.
func operationID(e endpoint) string {
	words := strings.FieldsFunc(e.path, func(r rune) bool { return r == '/' || r == ':' || r == '*' || r == '.' })
	return strings.ToLower(e.method) + "_" + strings.Join(words, "_")
}

func parametersOf(e endpoint) []object {
	var list []object
	for _, match := range pathParameter.FindAllStringSubmatch(e.path, -1) {
		kind := "string"
		if match[1] == "number" || match[1] == "index" || match[1] == "step" {
			kind = "integer"
		}
		list = append(list, object{"name": match[1], "in": "path", "required": true, "schema": object{"type": kind}})
	}
	for _, name := range e.query {
		list = append(list, object{"name": name, "in": "query", "schema": object{"type": "string"}})
	}
	for _, name := range e.headers {
		list = append(list, object{"name": name, "in": "header", "schema": object{"type": "string"}})
	}
	return list
}

func responses(e endpoint, schemas schemaSet) object {
	content := object{}
	switch {
	case e.out != nil:
		content["application/json"] = object{"schema": schemas.of(reflect.TypeOf(e.out))}
	case e.media == "application/json":
		content[e.media] = object{"schema": object{"type": "object"}}
	default:
		content[e.media] = object{"schema": object{"type": "string"}}
	}
	success := object{"description": http.StatusText(e.status), "content": content}
	list := object{
		strconv.Itoa(e.status): success,
		"default": object{
			"description": "What went wrong.",
			"content":     object{"application/json": object{"schema": schemas.of(reflect.TypeFor[api.Message]())}},
		},
	}
	if e.undone != nil {
		list[strconv.Itoa(http.StatusOK)] = object{
			"description": "Nothing was done, and why.",
			"content":     object{"application/json": object{"schema": schemas.of(reflect.TypeOf(e.undone))}},
		}
	}
	if e.media == "text/plain" || e.media == mediaAny {
		list["206"] = success
	}
	return list
}
