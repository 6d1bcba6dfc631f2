// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"github.com/muster-ci/muster/core"
)

func testsSplit() *command {
	flags := newFlags()
	options := newSplitting(flags)
	return &command{
		path: "tests split", args: "[FILENAME]",
		short: "Print this node's share of a list of tests",
		long: "The list is read from the file, or the standard input: a name a line, or words on\n" +
			"a single line. All nodes of a job must be given the same list.\n\n" +
			"  circleci tests glob \"**/*_test.rb\" | circleci tests split --split-by=timings",
		flags: flags,
		run: func(ctx context.Context, c *Call, files []string) error {
			if err := options.check(c); err != nil {
				return err
			}
			names, err := c.readNames(files, false)
			if err != nil {
				return err
			}
			own, err := options.share(ctx, c, names)
			if err != nil {
				return err
			}
			options.counts(c, len(names), len(own))
			out := bufio.NewWriter(c.Stdout)
			for _, name := range own {
				fmt.Fprintln(out, name)
			}
			return out.Flush()
		},
	}
}

// share returns the names that are this node's. Names are sorted.
func (s *splitting) share(ctx context.Context, c *Call, names []string) ([]string, error) {
	if s.fixedOfNode == 1 {
		return names, nil
	}
	var weights []float64
	var err error
	switch *s.by {
	case "filesize":
		weights, err = fileSizes(names)
	case "timings":
		weights, err = s.timings(ctx, c, names)
	}
	if err != nil {
		return nil, err
	}
	if weights == nil {
		return deal(names, s.fixedIndex, s.fixedOfNode), nil
	}
	return balance(names, weights, s.fixedIndex, s.fixedOfNode), nil
}

func fileSizes(names []string) ([]float64, error) {
	weights := make([]float64, len(names))
	for i, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, core.Errorf(core.CodeInvalid, "splitting files: %s; --split-by=filesize needs the paths of files", err.Error())
		}
		weights[i] = float64(info.Size())
	}
	return weights, nil
}
