// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"context"
	"fmt"
)

func version() *command {
	flags := newFlags()
	short := flags.Bool("short", false, "print only the version")
	return &command{
		path:  "version",
		short: "Print the version of the job's agent",
		flags: flags,
		run: func(_ context.Context, c *Call, _ []string) error {
			if *short {
				fmt.Fprintln(c.Stdout, c.Version)
			} else {
				fmt.Fprintf(c.Stdout, "%s (muster-agent)\n", c.Version)
			}
			return nil
		},
	}
}
