// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"context"
	"fmt"
	"iter"
	"path"
	"strings"

	"github.com/muster-ci/muster/agent/answer"
	"github.com/muster-ci/muster/core"
)

// onlyFailed leaves those of the names that failed, in a rerun of failed tests.
//
// A test that failed and is none of the names would be left out without a word,
// and the rerun would be green. So one such test is enough to run all of them.
func (c *Call) onlyFailed(ctx context.Context, names []string, verbose bool) ([]string, error) {
	if c.getenv("CIRCLE_INTERNAL_TASK_DATA") == "" {
		return names, nil // outside a job
	}
	var failed answer.FailedTests
	if err := c.ask(ctx, answer.PathFailedTests, answer.Nothing{}, &failed); err != nil {
		return nil, err
	}
	if len(failed.Tests) == 0 {
		return names, nil
	}
	c.log("INFO", "rerunning failed tests")
	chosen, unknown := choose(names, failed.Tests)
	if len(unknown) > 0 {
		c.log("WARN", fmt.Sprintf("%d of %d failed tests are not among the names given, %s is one: running all tests. "+
			"Ensure that the JUnit XML has a file or classname attribute that is the name given to circleci tests run.",
			len(unknown), len(failed.Tests), describe(unknown[0])))
		return names, nil
	}
	if verbose {
		c.log("DEBUG", fmt.Sprintf("%d test(s) failed out of %d total test(s). Rerunning %d test file(s)", len(failed.Tests), len(names), len(chosen)))
		c.log("DEBUG", "if all tests are being run instead of only failed tests, ensure your JUnit XML has a file or classname attribute.")
	}
	return chosen, nil
}

func describe(t core.FailedTest) string {
	switch {
	case t.File != "":
		return fmt.Sprintf("%q", t.File)
	case t.ClassName != "":
		return fmt.Sprintf("%q", t.ClassName)
	default:
		return "one without a file and a class name"
	}
}

// choose returns the names under which failed tests are run, and the failed
// tests that have none.
func choose(names []string, failed []core.FailedTest) (chosen []string, unknown []core.FailedTest) {
	index := indexNames(names)
	take := make([]bool, len(names))
	for _, test := range failed {
		found := index.find(test)
		if len(found) == 0 {
			unknown = append(unknown, test)
		}
		for _, i := range found {
			take[i] = true
		}
	}
	for i, name := range names {
		if take[i] {
			chosen = append(chosen, name)
		}
	}
	return chosen, unknown
}

// nameIndex finds names by what reports call them. A test runner may report a
// path from another folder, so one of two paths has to be the end of the other;
// and a class stands for its file. More than one name may answer, which costs a
// test more and leaves none out.
type nameIndex struct {
	names []string
	exact map[string][]int
	whole map[string][]int // its path
	ends  map[string][]int // each end of its path, from a folder's name on
	bases map[string][]int // the last part of its path, without the extension
	stems []string         // its path without the extension, by place
}

func indexNames(names []string) *nameIndex {
	x := &nameIndex{names: names, exact: map[string][]int{}, whole: map[string][]int{}, ends: map[string][]int{}, bases: map[string][]int{}}
	normal := relative()
	for i, name := range names {
		x.exact[name] = append(x.exact[name], i)
		file, _, _ := strings.Cut(name, "::") // pytest's names of single tests
		file = strings.TrimPrefix(normal(file), "/")
		x.whole[file] = append(x.whole[file], i)
		for end := range pathEnds(file) {
			x.ends[end] = append(x.ends[end], i)
		}
		stem := strings.TrimSuffix(file, path.Ext(file))
		x.stems = append(x.stems, stem)
		x.bases[path.Base(stem)] = append(x.bases[path.Base(stem)], i)
	}
	return x
}

// pathEnds are a path and what is left when its folders go one by one.
func pathEnds(file string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for more := true; more; {
			if !yield(file) {
				return
			}
			_, file, more = strings.Cut(file, "/")
		}
	}
}

// find returns the places of the names that run a test: by its file, or by its
// class where that says nothing.
func (x *nameIndex) find(test core.FailedTest) []int {
	if test.File != "" {
		if found := x.ofFile(test.File); len(found) > 0 {
			return found
		}
	}
	if test.ClassName == "" {
		return nil
	}
	if found := x.exact[test.ClassName]; len(found) > 0 {
		return found
	}
	return x.ofClass(test.ClassName)
}

func (x *nameIndex) ofFile(file string) []int {
	if found := x.exact[file]; len(found) > 0 {
		return found
	}
	file = strings.TrimPrefix(path.Clean(file), "/")
	if found := x.ends[file]; len(found) > 0 {
		return found
	}
	for end := range pathEnds(file) {
		if found := x.whole[end]; len(found) > 0 {
			return found
		}
	}
	return nil
}

// ofClass finds the files of a class: tests.api.test_users.TestLogin is in
// tests/api/test_users.py, and com.acme.LoginTest$Inner in
// src/test/java/com/acme/LoginTest.java. What begins with a capital may be a
// class in a file of another name.
func (x *nameIndex) ofClass(class string) []int {
	class, _, _ = strings.Cut(class, "$")
	parts := strings.FieldsFunc(class, func(r rune) bool { return r == '.' || r == '/' })
	for ; len(parts) > 0; parts = parts[:len(parts)-1] {
		want, last := strings.Join(parts, "/"), parts[len(parts)-1]
		var found []int
		for _, i := range x.bases[last] {
			stem := x.stems[i]
			if stem == want || strings.HasSuffix(stem, "/"+want) || strings.HasSuffix(want, "/"+stem) {
				found = append(found, i)
			}
		}
		if len(found) > 0 || last[0] < 'A' || last[0] > 'Z' {
			return found
		}
	}
	return nil
}
