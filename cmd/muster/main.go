// SPDX-License-Identifier: MPL-2.0

// Command muster is the platform (server, dev, bootstrap, ...) and the tool of
// the people who use it (run, logs, status, ...) in one binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes. Scripts tell a build that failed from a call that did.
const (
	exitFailed  = 1 // the pipeline, job or config is not well
	exitTrouble = 2 // wrong usage, no connection, refused
)

// failure ends the command with a code other than exitTrouble. Without a
// message nothing more is printed: it has all been said.
type failure struct {
	code    int
	message string
}

// Error returns the message.
func (f failure) Error() string { return f.message }

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(dashes(args))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	code := exitTrouble
	var f failure
	if errors.As(err, &f) {
		code = f.code
	}
	if message := err.Error(); message != "" {
		fmt.Fprintln(os.Stderr, "muster: "+message)
	}
	return code
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "muster",
		Short:         "Continuous integration with CircleCI's configuration, on Nomad",
		Long:          "Muster runs CircleCI pipelines on Nomad.\n\nIn a git repository, `muster run` runs its pipeline and shows it.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddGroup(&cobra.Group{ID: "people", Title: "Pipelines:"}, &cobra.Group{ID: "platform", Title: "The platform:"})
	for _, command := range peopleCommands() {
		command.GroupID = "people"
		root.AddCommand(command)
	}
	for _, command := range platformCommands() {
		command.GroupID = "platform"
		root.AddCommand(command)
	}
	return root
}
