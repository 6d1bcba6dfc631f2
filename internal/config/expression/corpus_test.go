// SPDX-License-Identifier: MPL-2.0

//go:build corpus

package expression

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// corpusCase is one file of the public corpus of github.com/CircleCI-Public/expr.
type corpusCase struct {
	Input struct {
		Expression  string         `json:"expression"`
		Environment map[string]any `json:"environment"`
	} `json:"input"`
	Expected struct {
		Result any          `json:"result"`
		Error  *corpusError `json:"error"`
	} `json:"expected"`
}

type corpusError struct {
	TokenType string `json:"tokenType"`
	ErrorType string `json:"errorType"`
	Lexeme    string `json:"lexeme"`
	CharPos   int    `json:"charPos"`
}

// TestPublicCorpus runs every case of the public corpus. It is not kept here, so
// the test has a build tag of its own: MUSTER_EXPR_CORPUS names the dev-resources
// folder of github.com/CircleCI-Public/expr, which holds its `test-corpus`
// (results are booleans) and `evaluator-test-corpus` (results are values).
//
//	MUSTER_EXPR_CORPUS=... go test -tags=corpus -run PublicCorpus ./internal/config/expression
func TestPublicCorpus(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("MUSTER_EXPR_CORPUS")
	if folder == "" {
		t.Fatal("MUSTER_EXPR_CORPUS is not set")
	}
	count := map[string]int{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		values := strings.Contains(path, "evaluator-test-corpus")
		if values {
			count["values"]++
		} else {
			count["booleans"]++
		}
		runCorpusCase(t, path, values)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count["values"]+count["booleans"] == 0 {
		t.Fatalf("%s holds no cases", folder)
	}
	t.Logf("cases: %v", count)
}

func runCorpusCase(t *testing.T, path string, values bool) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var c corpusCase
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	if err := decoder.Decode(&c); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	got, failure := evaluateCorpusCase(t, c)
	if diff := cmp.Diff(c.Expected.Error, failure); diff != "" {
		t.Errorf("%s: %s", path, diff)
	}
	if c.Expected.Error != nil || failure != nil {
		return
	}
	var result any = got.Truthy()
	if values {
		result = corpusResult(got)
	}
	if diff := cmp.Diff(c.Expected.Result, result); diff != "" {
		t.Errorf("%s: %s: %s", path, c.Input.Expression, diff)
	}
}

func evaluateCorpusCase(t *testing.T, c corpusCase) (Value, *corpusError) {
	t.Helper()
	env := map[string]Value{}
	for key, v := range c.Input.Environment {
		env[key] = corpusValue(t, v)
	}
	value, err := evaluate(c.Input.Expression, env)
	if err == nil {
		return value, nil
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: %v is no *Error", c.Input.Expression, err)
	}
	return value, &corpusError{TokenType: e.Token, ErrorType: string(e.Kind), Lexeme: e.Found, CharPos: e.Position}
}

func corpusValue(t *testing.T, v any) Value {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return Value{}
	case bool:
		return Boolean(v)
	case string:
		return String(v)
	case json.Number:
		n, err := v.Int64()
		if err != nil {
			t.Fatal(err)
		}
		return Integer(n)
	}
	t.Fatalf("a value of type %T", v)
	return Value{}
}

func corpusResult(v Value) any {
	switch v.Kind() {
	case KindUndefined:
		return nil
	case KindBoolean:
		return v.Truthy()
	case KindInteger:
		return json.Number(v.String())
	case KindPattern:
		return "corpus/regexp:" + strings.Trim(v.String(), "/")
	}
	return v.String()
}
