// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// parseParameters reads name=value pairs. A value that is a whole number, true
// or false becomes one, as it would in a config; quotes keep it a text.
func parseParameters(pairs []string) (map[string]any, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	parameters := map[string]any{}
	for _, pair := range pairs {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is no parameter; write it as name=value", pair)
		}
		parameters[name] = parameterValue(text)
	}
	return parameters, nil
}

func parameterValue(text string) any {
	switch text {
	case "true":
		return true
	case "false":
		return false
	}
	if n, err := strconv.ParseInt(text, 10, 53); err == nil && strconv.FormatInt(n, 10) == text {
		return n
	}
	if len(text) >= 2 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0] {
		return text[1 : len(text)-1]
	}
	return text
}
