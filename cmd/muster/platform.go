// SPDX-License-Identifier: MPL-2.0

package main

import (
	"regexp"

	"github.com/spf13/cobra"
)

// platformCommands are the commands of operators: what runs the platform
// rather than uses it.
func platformCommands() []*cobra.Command {
	return []*cobra.Command{serverCommand(), devCommand(), targetsCommand(), checkCommand(), bootstrapCommand(), clientCommand()}
}

// longFlag is a flag as HashiCorp's tools write it: -target=queue.
var longFlag = regexp.MustCompile(`^-[a-z][a-z]+(-[a-z]+)*(=.*)?$`)

// dashes lets -target=queue stand for --target=queue, up to a lone "--". Short
// flags can then not be joined (-fv), which nobody has to.
func dashes(args []string) []string {
	changed := make([]string, len(args))
	for i, arg := range args {
		if arg == "--" {
			copy(changed[i:], args[i:])
			break
		}
		if longFlag.MatchString(arg) {
			arg = "-" + arg
		}
		changed[i] = arg
	}
	return changed
}
