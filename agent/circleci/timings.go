// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-ci/muster/agent/answer"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// timingsTypes are the spellings of --timings-type: those of `tests split` and
// those that `tests run` has beside them. Autodetect tries both keys.
var timingsTypes = map[string][]core.TestKey{
	"autodetect": {core.TestByFile, core.TestByClassName},
	"filename":   {core.TestByFile}, "file": {core.TestByFile},
	"classname": {core.TestByClassName},
	"testname":  {core.TestByName}, "name": {core.TestByName},
}

// typeNames are the words of CircleCI's messages.
var typeNames = map[core.TestKey]string{core.TestByFile: "filename", core.TestByClassName: "classname", core.TestByName: "testname"}

// maxMissing is how many tests without a timing are named.
const maxMissing = 50

// timings returns how many seconds each test took, nil when that is not known
// of any: the split is by name then.
func (s *splitting) timings(ctx context.Context, c *Call, names []string) ([]float64, error) {
	keys := timingsTypes[*s.timingsType]
	var best []float64
	var bestKey core.TestKey
	bestFound, missing := 0, ""
	for _, key := range keys {
		known, reason, err := s.known(ctx, c, key)
		if err != nil {
			return nil, err
		}
		if reason != "" {
			missing = reason
		}
		weights, found := match(names, known, key)
		if found > bestFound {
			best, bestKey, bestFound, missing = weights, key, found, ""
		}
		if found == len(names) {
			break
		}
	}
	switch {
	case missing != "":
		fmt.Fprintf(c.Stderr, "Error reading historical timing data: %s\n", missing)
		fmt.Fprintln(c.Stderr, "Requested weighting by historical based timing, but they are not present. Falling back to weighting by name.")
		return nil, nil
	case best == nil && len(keys) > 1:
		fmt.Fprintln(c.Stderr, "Error autodetecting timing type, falling back to weighting by name. Autodetect no matching filename or classname.  If file names are used, double check paths for absolute vs relative.")
		return nil, nil
	case best == nil:
		fmt.Fprintf(c.Stderr, "No timing found for any of the %d tests by %s. Falling back to weighting by name.\n", len(names), typeNames[keys[0]])
		return nil, nil
	case len(keys) > 1:
		fmt.Fprintf(c.Stderr, "Autodetected %s timings\n", typeNames[bestKey])
	}
	s.complete(c, names, best, bestFound)
	return best, nil
}

// complete gives a time to the tests that have none, and names them.
func (s *splitting) complete(c *Call, names []string, weights []float64, found int) {
	sum := 0.0
	for _, w := range weights {
		if w >= 0 {
			sum += w
		}
	}
	otherwise := sum / float64(found)
	if s.flags.Changed("time-default") {
		otherwise = s.timeDefault.Seconds()
	}
	missing := 0
	for i, w := range weights {
		if w >= 0 {
			continue
		}
		weights[i] = otherwise
		if missing++; missing <= maxMissing {
			fmt.Fprintf(c.Stderr, "No timing found for %q\n", names[i])
		}
	}
	if missing > maxMissing {
		fmt.Fprintf(c.Stderr, "No timing found for %d tests more\n", missing-maxMissing)
	}
}

// match returns the seconds of each name, -1 where there are none, and how many
// there are.
func match(names []string, known wire.Timings, key core.TestKey) (weights []float64, found int) {
	seconds := make(map[string]float64, len(known.Names))
	normal := func(name string) string { return name }
	if key == core.TestByFile {
		normal = relative()
	}
	for i, name := range known.Names {
		seconds[normal(name)] += max(0, known.Seconds[i])
	}
	elsewhere := map[string]float64{}
	if key == core.TestByFile {
		elsewhere = ofOtherFolders(names, seconds, normal)
	}
	weights = make([]float64, len(names))
	for i, name := range names {
		s, ok := seconds[normal(name)]
		if !ok {
			s, ok = elsewhere[normal(name)]
		}
		if !ok {
			s = -1
		} else {
			found++
		}
		weights[i] = s
	}
	return weights, found
}

// ofOtherFolders finds files by absolute paths that were reported from a working
// directory elsewhere: where jobs have homes of their own, it is another one each
// time. A path stands for the name that is its longest end, whichever node asks;
// of two paths for one name the longer time counts.
func ofOtherFolders(names []string, seconds map[string]float64, normal func(string) string) map[string]float64 {
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[normal(name)] = true
	}
	found := map[string]float64{}
	for path, took := range seconds {
		rest, absolute := strings.CutPrefix(path, "/")
		if !absolute {
			continue
		}
		for end := range pathEnds(rest) {
			if wanted[end] {
				found[end] = max(found[end], took)
				break
			}
		}
	}
	return found
}

// relative returns what makes paths alike: "./a", "/home/me/a" in the folder /home/me,
// and "a" are one.
func relative() func(string) string {
	here, err := os.Getwd()
	prefix := strings.TrimSuffix(here, "/") + "/"
	return func(path string) string {
		path = filepath.Clean(path)
		if err == nil {
			path = strings.TrimPrefix(path, prefix)
		}
		return path
	}
}

// known returns the timings of a file, or of earlier jobs, which the agent asks
// for; missing says why there are none.
func (s *splitting) known(ctx context.Context, c *Call, key core.TestKey) (timings wire.Timings, missing string, err error) {
	if *s.timingsFile != "" {
		timings, err = timingsOfFile(*s.timingsFile, key)
		return timings, "", err
	}
	for tries := 1; ; tries++ {
		err = c.ask(ctx, answer.PathTimings, wire.TimingsRequest{By: key}, &timings)
		if core.ErrorCode(err) != core.CodeUnavailable || c.noAgent() {
			break
		}
		// Splitting by name here, while another node has the timings, would run
		// some tests twice and others never.
		fmt.Fprintf(c.Stderr, "The timings cannot be had yet (%s); asking again\n", message(err))
		select {
		case <-ctx.Done():
			return timings, "", ctx.Err()
		case <-time.After(retryTimings):
		}
	}
	if err == nil && len(timings.Names) != len(timings.Seconds) {
		err = core.Errorf(core.CodeInternal, "the timings are %d names and %d times", len(timings.Names), len(timings.Seconds))
	}
	return timings, timings.Missing, err
}

// retryTimings is the pause after the agent, which has patience of its own, gave
// up.
const retryTimings = 5 * time.Second

// noAgent tells whether there is nobody to ask, now or later.
func (c *Call) noAgent() bool {
	_, err := os.Stat(filepath.Join(c.getenv("CIRCLE_INTERNAL_TASK_DATA"), answer.Socket))
	return err != nil
}

// timingsOfFile reads tests in the form of CircleCI's API v1.1, in which a job
// can keep them as an artifact.
func timingsOfFile(path string, key core.TestKey) (wire.Timings, error) {
	var out wire.Timings
	file, err := os.Open(path)
	if err != nil {
		return out, fmt.Errorf("reading historical timing data: %w", err)
	}
	defer file.Close()
	var kept struct {
		Tests []struct {
			File      string  `json:"file"`
			ClassName string  `json:"classname"`
			Name      string  `json:"name"`
			RunTime   float64 `json:"run_time"`
		} `json:"tests"`
	}
	if err := json.NewDecoder(io.LimitReader(file, maxNames)).Decode(&kept); err != nil && !errors.Is(err, io.EOF) {
		return out, fmt.Errorf("reading historical timing data of %s: %w", path, err)
	}
	for _, test := range kept.Tests {
		name := map[core.TestKey]string{core.TestByFile: test.File, core.TestByClassName: test.ClassName, core.TestByName: test.Name}[key]
		if name != "" {
			out.Names = append(out.Names, name)
			out.Seconds = append(out.Seconds, test.RunTime)
		}
	}
	return out, nil
}
