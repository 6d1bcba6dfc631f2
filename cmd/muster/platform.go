// SPDX-License-Identifier: MPL-2.0

package main

import "github.com/spf13/cobra"

// platformCommands are the commands of operators: what runs the platform
// rather than uses it.
func platformCommands() []*cobra.Command {
	return []*cobra.Command{serverCommand(), devCommand(), targetsCommand(), checkCommand(), bootstrapCommand()}
}
