// SPDX-License-Identifier: MPL-2.0

package sarif

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path/filepath"

	"github.com/muster-ci/muster/core"
)

// Schema is where the format is published.
const Schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// The rules that results refer to. They are few, since what a config may get
// wrong has no numbers.
const (
	ruleError   = "config-error"
	ruleWarning = "config-warning"
)

type log struct {
	Schema  string `json:"$schema"`
	Version string `json:"version"`
	Runs    []run  `json:"runs"`
}

type run struct {
	Tool struct {
		Driver driver `json:"driver"`
	} `json:"tool"`
	ColumnKind string   `json:"columnKind"`
	Results    []result `json:"results"` // present although empty: the check was made
}

type driver struct {
	Name           string `json:"name"`
	InformationURI string `json:"informationUri"`
	Rules          []rule `json:"rules"`
}

type rule struct {
	ID               string  `json:"id"`
	ShortDescription message `json:"shortDescription"`
}

type message struct {
	Text string `json:"text"`
}

type result struct {
	RuleID    string     `json:"ruleId"`
	RuleIndex int        `json:"ruleIndex"`
	Level     string     `json:"level"`
	Message   message    `json:"message"`
	Locations []location `json:"locations,omitempty"`
}

type location struct {
	Physical physical  `json:"physicalLocation"`
	Logical  []logical `json:"logicalLocations,omitempty"`
}

type physical struct {
	Artifact struct {
		URI string `json:"uri"`
	} `json:"artifactLocation"`
	Region *region `json:"region,omitempty"`
}

type region struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
}

type logical struct {
	FullyQualifiedName string `json:"fullyQualifiedName"`
}

// Write writes what a check of one file found. Mistakes in an orb are shown at
// the orb's name, which is no file.
func Write(w io.Writer, errors, warnings []core.ConfigError) error {
	r := run{ColumnKind: "unicodeCodePoints", Results: []result{}}
	r.Tool.Driver = driver{
		Name: "muster", InformationURI: "https://github.com/muster-ci/muster",
		Rules: []rule{{ruleError, message{"The config does not compile."}}, {ruleWarning, message{"The config compiles to what is hardly meant."}}},
	}
	for _, e := range errors {
		r.Results = append(r.Results, resultOf(e, 0, ruleError, "error"))
	}
	for _, e := range warnings {
		r.Results = append(r.Results, resultOf(e, 1, ruleWarning, "warning"))
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(log{Schema: Schema, Version: "2.1.0", Runs: []run{r}}); err != nil {
		return fmt.Errorf("writing SARIF: %w", err)
	}
	return nil
}

func resultOf(e core.ConfigError, index int, id, level string) result {
	text := e.Message
	if e.Suggestion != "" {
		text += "\n" + e.Suggestion
	}
	r := result{RuleID: id, RuleIndex: index, Level: level, Message: message{text}}
	if e.File == "" {
		return r
	}
	var at location
	at.Physical.Artifact.URI = (&url.URL{Path: filepath.ToSlash(e.File)}).String()
	if e.Line > 0 {
		at.Physical.Region = &region{StartLine: e.Line, StartColumn: e.Column}
	}
	if e.Path != "" {
		at.Logical = []logical{{e.Path}}
	}
	r.Locations = []location{at}
	return r
}
