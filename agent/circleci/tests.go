// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

const (
	// maxNames bounds what is read of a list of tests.
	maxNames = 256 << 20
	// maxNodes is more than a job can have.
	maxNodes = 10_000
)

// splitting are the options that `tests split` and `tests run` share.
type splitting struct {
	index, total            *uint
	by, timingsType         *string
	timingsFile             *string
	timeDefault             *time.Duration
	showCounts, verbose     *bool
	flags                   *pflag.FlagSet
	fixedIndex, fixedOfNode int // what index and total come to
}

func newSplitting(flags *pflag.FlagSet) *splitting {
	return &splitting{
		flags:       flags,
		index:       flags.Uint("index", 0, "index of the node (default $CIRCLE_NODE_INDEX)"),
		total:       flags.Uint("total", 0, "number of nodes (default $CIRCLE_NODE_TOTAL)"),
		by:          flags.String("split-by", "name", `how to weight the split: "name", "filesize" or "timings"`),
		timingsType: flags.String("timings-type", "autodetect", `look up timings by "filename", "classname", "testname", or by whichever of the first two is found ("autodetect")`),
		timingsFile: flags.String("timings-file", "", "JSON file with timings, instead of those of earlier jobs"),
		timeDefault: flags.Duration("time-default", 0, "time of a test for which no timing is found (default: the average of those found)"),
		showCounts:  flags.Bool("show-counts", false, "print how many tests there are to stderr"),
		verbose:     flags.BoolP("verbose", "v", false, "enable verbose logging output"),
	}
}

// check fills in what the job's environment says, and refuses what makes no
// sense.
func (s *splitting) check(c *Call) (err error) {
	if s.fixedIndex, err = s.number(c, "index", *s.index, "CIRCLE_NODE_INDEX", 0); err != nil {
		return err
	}
	if s.fixedOfNode, err = s.number(c, "total", *s.total, "CIRCLE_NODE_TOTAL", 1); err != nil {
		return err
	}
	switch {
	case s.fixedOfNode < 1:
		return usageError{"--total must be at least 1"}
	case s.fixedIndex >= s.fixedOfNode:
		return usageError{fmt.Sprintf("index %d is not below the total of %d: nodes count from 0", s.fixedIndex, s.fixedOfNode)}
	case *s.timeDefault < 0:
		return usageError{"--time-default must not be negative"}
	case !slices.Contains([]string{"name", "filesize", "timings"}, *s.by):
		return usageError{fmt.Sprintf(`unknown --split-by %q: allowed values are "name", "filesize" and "timings"`, *s.by)}
	}
	if _, ok := timingsTypes[*s.timingsType]; !ok {
		return usageError{fmt.Sprintf(`unknown --timings-type %q: allowed values are "filename", "classname", "testname" and "autodetect"`, *s.timingsType)}
	}
	return nil
}

// number is a flag's value, else the variable's, else the default.
func (s *splitting) number(c *Call, flag string, value uint, variable string, otherwise int) (int, error) {
	text := c.getenv(variable)
	if s.flags.Changed(flag) || text == "" {
		if !s.flags.Changed(flag) {
			return otherwise, nil
		}
		text = strconv.FormatUint(uint64(value), 10)
		variable = "--" + flag
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n > maxNodes {
		return 0, usageError{fmt.Sprintf("%s is %q: it must be a number up to %d", variable, text, maxNodes)}
	}
	return int(n), nil
}

// readNames reads the list of tests from the files, or from standard input when
// there are none. Each name is kept once, in alphabetical order, so that all
// nodes split the same list whatever the order in which they found it.
func (c *Call) readNames(files []string, words bool) ([]string, error) {
	var data []byte
	for _, file := range files {
		more, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the names of the tests: %w", err)
		}
		data = append(append(data, more...), '\n')
	}
	if len(files) == 0 {
		var err error
		if data, err = io.ReadAll(io.LimitReader(c.Stdin, maxNames+1)); err != nil {
			return nil, fmt.Errorf("reading the names of the tests: %w", err)
		}
	}
	if len(data) > maxNames {
		return nil, usageError{fmt.Sprintf("the names of the tests are longer than %d bytes", maxNames)}
	}
	names := splitNames(data, words)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// splitNames takes each line for a name, or each word: what `tests run` does,
// and what is meant by a list on a single line (`echo $TESTS | ...`).
func splitNames(data []byte, words bool) []string {
	text := strings.TrimSpace(string(data))
	if words || !strings.ContainsAny(text, "\r\n") {
		return strings.Fields(text)
	}
	var names []string
	for line := range bytes.Lines(data) {
		if name := strings.TrimSpace(string(line)); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// nodes tells what is read and how much of it is this node's, for --show-counts.
func (s *splitting) counts(c *Call, all, own int) {
	if *s.showCounts {
		fmt.Fprintf(c.Stderr, "%d tests, %d of them on node %d of %d\n", all, own, s.fixedIndex, s.fixedOfNode)
	}
}
