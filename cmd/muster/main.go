// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{Use: "muster"}
	root.AddCommand(platformCommands()...)
	if root.Execute() != nil {
		os.Exit(1)
	}
}
