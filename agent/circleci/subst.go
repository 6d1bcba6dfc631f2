// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"context"
	"fmt"
	"io"

	"github.com/a8m/envsubst/parse"
)

// maxTemplate bounds what is read before variables are put in.
const maxTemplate = 256 << 20

// envSubst is CircleCI's, down to its library: a value as it is given, no
// newline added, and an argument before the standard input.
func envSubst() *command {
	return &command{
		path: "env subst", args: "[string]",
		short: "Substitute environment variables in a string",
		long: "The text is the argument, or the standard input. $VAR, ${VAR}, ${VAR:-default}, ${VAR-default},\n" +
			"${VAR:=default}, ${VAR=default}, ${VAR:+other} and ${VAR+other} are replaced; $$ stands for $.",
		run: func(_ context.Context, c *Call, args []string) error {
			var text string
			if len(args) > 0 {
				text = args[0]
			} else {
				data, err := io.ReadAll(io.LimitReader(c.Stdin, maxTemplate+1))
				if err != nil {
					return fmt.Errorf("reading the text: %w", err)
				}
				if len(data) > maxTemplate {
					return usageError{fmt.Sprintf("the text is longer than %d bytes", maxTemplate)}
				}
				text = string(data)
			}
			if text == "" {
				return nil
			}
			out, err := parse.New("string", c.Environ, parse.Relaxed).Parse(text)
			if err != nil {
				return fmt.Errorf("substituting: %w", err)
			}
			_, err = io.WriteString(c.Stdout, out)
			return err
		},
	}
}
