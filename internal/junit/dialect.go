// SPDX-License-Identifier: MPL-2.0

package junit

import (
	"bytes"
	"strings"

	"github.com/muster-ci/muster/core"
)

// meaning tells what an element is, by its name and where it stands.
func (x *xmlReader) meaning(name string) kind {
	if x.outcome > 0 {
		return kindDetail
	}
	if x.testAt > 0 {
		return inTest(name)
	}
	switch name {
	case "testsuites", "testsuite":
		return x.suiteOf("junit")
	case "test-run", "test-results", "test-suite":
		return x.suiteOf("nunit")
	case "assemblies", "assembly", "collection":
		return x.suiteOf("xunit")
	case "TestRun":
		return x.suiteOf("trx")
	case "UnitTest", "TestMethod":
		if x.format == "trx" {
			return kindName
		}
		return kindOther
	}
	isCase := false
	switch x.format {
	case "nunit":
		isCase = name == "test-case"
	case "xunit":
		isCase = name == "test"
	case "trx":
		isCase = name == "UnitTestResult"
	default:
		isCase = name == "testcase"
	}
	if isCase {
		return kindCase
	}
	return kindOther
}

// suiteOf notes the format, which the outermost suite decides.
func (x *xmlReader) suiteOf(format string) kind {
	if x.format == "" {
		x.format, x.known = format, true
		x.classes.used = format == "trx"
	}
	return kindSuite
}

// inTest tells what an element of a test is.
func inTest(name string) kind {
	switch name {
	case "failure", "error", "skipped", "skip", "ignored", "disabled",
		"flakyFailure", "flakyError", "rerunFailure", "rerunError", "reason", "ErrorInfo":
		return kindOutcome
	default:
		return kindOther
	}
}

// openTest reads a test's start tag.
func (x *xmlReader) openTest(in suite) Test {
	x.known = true
	t := Test{Test: core.Test{Result: core.TestSuccess, Source: x.format}}
	if t.Source == "" {
		t.Source = "junit" // a lone <testcase>
	}
	t.Name = line(x.attribute("name", "testName"))
	t.ClassName = line(x.attribute("classname", "class", "type"))
	t.File = filePath(x.attribute("file", "filepath"))
	t.RunTime = seconds(string(x.attribute("time", "duration")))
	for _, key := range []string{"result", "status", "outcome"} {
		if r := resultOf(string(x.attribute(key))); r != "" {
			t.Result = r
		}
	}
	if string(x.attribute("executed")) == "False" { // NUnit 2
		t.Result = core.TestSkipped
	}
	if t.ClassName == "" {
		t.ClassName = in.name
	}
	if t.Name == "" { // a class that broke as a whole
		t.Name = t.ClassName
	}
	if t.File == "" {
		t.File = in.file
	}
	if x.format == "trx" {
		t.ClassName = ""
		x.classes.id = string(x.attribute("testId"))
	}
	return t
}

// resultOf reads what tools write into result, status or outcome; "" where that
// says nothing about success.
func resultOf(word string) core.TestResult {
	switch strings.ToLower(word) {
	case "failed", "failure", "fail", "broken", "timeout", "aborted":
		return core.TestFailure
	case "error":
		return core.TestError
	case "skipped", "skip", "ignored", "disabled", "notrun", "notrunnable", "notexecuted", "pending", "suppressed", "inconclusive":
		return core.TestSkipped
	default:
		return ""
	}
}

// openOutcome reads the start tag of what became of a test. The first failure
// or error stays.
func (x *xmlReader) openOutcome() {
	switch string(x.s.name) {
	case "failure":
		x.fail(core.TestFailure)
	case "error":
		x.fail(core.TestError)
	case "skipped", "skip", "ignored", "disabled":
		if !x.test.Result.Failed() {
			x.test.Result = core.TestSkipped
		}
	case "flakyFailure", "flakyError":
		x.test.Flaked++
	}
	x.endLine()
	x.summary[0] = len(x.message)
	room := max(0, x.limits.Message-len(x.message))
	summary := bytes.TrimSpace(x.attribute("message"))
	x.message = append(x.message, summary[:min(len(summary), room)]...)
	x.endLine()
	x.summary[1] = len(x.message)
}

// closeOutcome leaves the attribute out where the text begins with the same
// words, as it often does.
func (x *xmlReader) closeOutcome() {
	summary := bytes.TrimSpace(x.message[x.summary[0]:x.summary[1]])
	text := bytes.TrimSpace(x.message[x.summary[1]:])
	if len(text) > 0 && bytes.HasPrefix(text, summary) {
		x.message = append(x.message[:x.summary[0]], text...)
	}
}

func (x *xmlReader) fail(r core.TestResult) {
	if !x.test.Result.Failed() {
		x.test.Result = r
	}
}

// endTest hands a test on.
func (x *xmlReader) endTest() error {
	x.test.Message = clean(bytes.TrimSpace(x.message), x.limits.Message, true)
	if x.classes.used {
		x.classes.hold(x.test)
		return nil
	}
	return x.add(x.test)
}

// filePath reads the path of a file: with slashes as on the systems where tests
// are split, and without a "./" that stands for nothing.
func filePath(text []byte) string {
	path := line(text)
	if strings.Contains(path, `\`) && !strings.Contains(path, "/") {
		path = strings.ReplaceAll(path, `\`, "/")
	}
	for strings.HasPrefix(path, "./") {
		path = strings.TrimLeft(path[2:], "/")
	}
	return path
}
