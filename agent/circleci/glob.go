// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"bufio"
	"context"
	"fmt"
	"slices"

	"github.com/bmatcuk/doublestar/v4"
)

// testsGlob prints what CircleCI's does: one path a line, pattern by pattern,
// each one's in alphabetical order. A path that two patterns match stands twice.
func testsGlob() *command {
	return &command{
		path: "tests glob", args: "PATTERN...",
		short: "Print the files that match patterns",
		long: "A pattern is quoted, so that the shell leaves it alone:\n\n" +
			"  circleci tests glob \"tests/unit/**/*.java\" \"tests/functional/**/*.java\"\n\n" +
			"  *          any characters but /\n" +
			"  **         any folders, between slashes\n" +
			"  ?          one character but /\n" +
			"  [abc]      one of the characters; [a-z] and [^abc] as well\n" +
			"  {foo,bar}  one of the texts, which may be patterns\n",
		run: func(_ context.Context, c *Call, patterns []string) error {
			if len(patterns) == 0 {
				return usageError{"name at least one pattern: circleci tests glob \"tests/**/*_test.go\""}
			}
			out := bufio.NewWriter(c.Stdout)
			for _, pattern := range patterns {
				// A link to a folder above it would never end.
				paths, err := doublestar.FilepathGlob(pattern, doublestar.WithNoFollow())
				if err != nil {
					return fmt.Errorf("reading the pattern %q: %w", pattern, err)
				}
				slices.Sort(paths)
				for _, path := range paths {
					fmt.Fprintln(out, path)
				}
			}
			return out.Flush()
		},
	}
}
