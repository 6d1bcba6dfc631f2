// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/muster-ci/muster/agent/answer"
)

// maxSecret bounds a value that is to be masked.
const maxSecret = 1 << 20

// maskAdd reads the standard input and not an argument: arguments of a command
// stand in the process table, and in the output of a shell with -x.
func maskAdd() *command {
	flags := newFlags()
	lines := flags.Bool("lines", false, "each line is a secret of its own")
	return &command{
		path:  "mask add",
		short: "Mask a secret in the job's output from now on",
		long: "The secret is read from the standard input, without the newline at its end:\n\n" +
			"  printf %s \"$PASSWORD\" | circleci-agent mask add\n\n" +
			"It is masked in the output and the names of all steps of this task, with its\n" +
			"encoded forms, like the variables of the project. What was shown before stays.\n" +
			"Values of less than 4 characters, and true and false, are not masked.",
		flags: flags,
		run: func(ctx context.Context, c *Call, args []string) error {
			if len(args) > 0 {
				return usageError{"the secret is read from the standard input, so that it stands in no process list: printf %s \"$SECRET\" | circleci-agent mask add"}
			}
			return c.addMasks(ctx, *lines)
		},
	}
}

func (c *Call) addMasks(ctx context.Context, lines bool) error {
	data, err := io.ReadAll(io.LimitReader(c.Stdin, maxSecret+1))
	if err != nil {
		return fmt.Errorf("reading the secret: %w", err)
	}
	if len(data) > maxSecret {
		return usageError{fmt.Sprintf("the secret is longer than %d bytes", maxSecret)}
	}
	var mask answer.Mask
	if lines {
		for line := range bytes.Lines(data) {
			if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
				mask.Values = append(mask.Values, string(line))
			}
		}
	} else {
		mask.Values = []string{string(bytes.TrimRight(data, "\r\n"))}
	}
	var masked answer.Masked
	if err := c.ask(ctx, answer.PathMask, mask, &masked); err != nil {
		return err
	}
	if left := len(mask.Values) - masked.Taken; left > 0 {
		fmt.Fprintf(c.Stderr, "%d of %d values are too short to be masked, or words such as true: choose secrets of at least 4 characters\n", left, len(mask.Values))
		return exitError{exitFailed}
	}
	return nil
}
