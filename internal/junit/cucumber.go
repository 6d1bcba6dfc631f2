// SPDX-License-Identifier: MPL-2.0

package junit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/muster-ci/muster/core"
)

// feature is a file of Cucumber's JSON.
type feature struct {
	URI      string     `json:"uri"`
	Name     string     `json:"name"`
	Elements []scenario `json:"elements"`
}

// scenario is a test, or the background of tests.
type scenario struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Before []step `json:"before"`
	Steps  []step `json:"steps"`
	After  []step `json:"after"`
}

type step struct {
	Result struct {
		Status string      `json:"status"`
		Nanos  json.Number `json:"duration"`
		Error  string      `json:"error_message"`
	} `json:"result"`
}

// parseCucumber reads a list of features, one in memory at a time.
func parseCucumber(in io.Reader, limits Limits, add func(Test) error) error {
	if r, ok := in.(interface{ Peek(int) ([]byte, error) }); ok {
		if head, _ := r.Peek(len(utf8Mark)); bytes.Equal(head, utf8Mark) {
			_, _ = io.ReadFull(in, make([]byte, len(utf8Mark)))
		}
	}
	d := json.NewDecoder(in)
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return ErrUnknown
	}
	known := false
	for d.More() {
		var f feature
		if err := d.Decode(&f); err != nil {
			return badJSON(err, known)
		}
		if f.URI == "" && len(f.Elements) == 0 {
			if known {
				continue
			}
			return ErrUnknown
		}
		known = true
		if err := f.tests(limits, add); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return badJSON(err, known)
	}
	return nil
}

func badJSON(err error, known bool) error {
	if !known {
		return ErrUnknown
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCutOff
	}
	return &FileError{"its JSON is broken: " + clean([]byte(err.Error()), maxName, false) + before}
}

// tests hands on the scenarios. The steps of a background belong to each
// scenario that follows it.
func (f feature) tests(limits Limits, add func(Test) error) error {
	var background []step
	for _, s := range f.Elements {
		if s.Type == "background" {
			background = s.Steps
			continue
		}
		t := Test{Test: core.Test{
			Name: line([]byte(s.Name)), ClassName: line([]byte(f.Name)), File: filePath([]byte(f.URI)),
			Result: core.TestSuccess, Source: "cucumber",
		}}
		for _, part := range [][]step{background, s.Before, s.Steps, s.After} {
			for _, one := range part {
				one.count(&t, limits)
			}
		}
		background = nil // it is written anew for each
		if err := add(t); err != nil {
			return err
		}
	}
	return nil
}

// count adds a step to its test.
func (s step) count(t *Test, limits Limits) {
	nanos, err := s.Result.Nanos.Float64()
	t.RunTime += sane(nanos/1e9, err)
	switch strings.ToLower(s.Result.Status) {
	case "failed", "ambiguous":
		t.Result = core.TestFailure
	case "undefined", "pending", "skipped":
		if t.Result == core.TestSuccess {
			t.Result = core.TestSkipped
		}
	}
	if s.Result.Error != "" && t.Message == "" {
		t.Message = clean([]byte(s.Result.Error), limits.Message, true)
	}
}
