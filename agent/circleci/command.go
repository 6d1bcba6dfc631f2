// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/muster-ci/muster/agent/answer"
	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/core"
)

// Call is one run of the program as circleci or circleci-agent.
type Call struct {
	Version string
	Args    []string // with the name by which it was called
	Environ []string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
}

// Names tells whether a program called by this name is one of ours.
func Names(program string) bool {
	switch filepath.Base(program) {
	case "circleci", "circleci-agent":
		return true
	default:
		return false
	}
}

// The exit statuses, but for those of what `tests run` runs.
const (
	exitFailed = 1
	exitUsage  = 2
)

// command is one of the commands. Its run sees the flags that it was made with.
type command struct {
	path  string // "tests split"
	also  string // another name of it, "" for none
	args  string // what the help says of its arguments
	short string
	long  string
	flags *pflag.FlagSet
	run   func(ctx context.Context, c *Call, args []string) error
}

// commands are all of them, in the order of the help.
func commands() []*command {
	return []*command{
		envSubst(),
		maskAdd(),
		oidcGet(),
		stepHalt(),
		testsGlob(),
		testsRun(),
		testsSplit(),
		version(),
	}
}

// usageError is a call that cannot be understood.
type usageError struct{ message string }

// Error returns the message.
func (e usageError) Error() string { return e.message }

// exitError ends the program with a status; everything has been said.
type exitError struct{ status int }

// Error returns the status in words.
func (e exitError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

// Run runs the command that the arguments name and returns the exit status.
func (c *Call) Run(ctx context.Context) int {
	err := c.dispatch(ctx)
	var exit exitError
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.status
	case errors.As(err, &usage):
		fmt.Fprintf(c.Stderr, "Error: %s\n", usage.message)
		return exitUsage
	default:
		fmt.Fprintf(c.Stderr, "Error: %s\n", message(err))
		return exitFailed
	}
}

// message prefers the sentence of a core.Error to the chain behind it.
func message(err error) string {
	var e *core.Error
	if errors.As(err, &e) && e.Message != "" {
		return e.Message
	}
	return err.Error()
}

func (c *Call) dispatch(ctx context.Context) error {
	all := commands()
	words := c.Args[1:]
	for len(words) > 0 && words[0] == "--verbose" { // CircleCI takes it before the command as well
		words = append(slices.Clone(words[1:]), "--verbose")
	}
	if len(words) == 0 || words[0] == "--help" || words[0] == "-h" || words[0] == "help" && len(words) == 1 {
		c.help(all, "")
		return nil
	}
	switch {
	case words[0] == "help":
		words = append(slices.Clone(words[1:]), "--help")
	case words[0] == "--version" || words[0] == "-v":
		words = append([]string{"version"}, words[1:]...)
	}
	if found, rest := find(all, words); found != nil {
		return found.parseAndRun(ctx, c, rest)
	}
	if group := words[0]; len(words) == 1 || strings.HasPrefix(words[1], "-") {
		if slices.ContainsFunc(all, func(k *command) bool { return strings.HasPrefix(k.path, group+" ") }) {
			c.help(all, group)
			return nil
		}
	}
	return c.handOn(words)
}

// find returns the command that the first words name, and the words after it.
func find(all []*command, words []string) (*command, []string) {
	for _, candidate := range all {
		for _, name := range []string{candidate.path, candidate.also} {
			path := strings.Fields(name)
			if len(path) > 0 && len(words) >= len(path) && slices.Equal(words[:len(path)], path) {
				return candidate, words[len(path):]
			}
		}
	}
	return nil, nil
}

func (k *command) parseAndRun(ctx context.Context, c *Call, words []string) error {
	flags := k.flags
	if flags == nil {
		flags = newFlags()
	}
	if flags.Lookup("verbose") == nil {
		flags.Bool("verbose", false, "enable verbose logging output")
	}
	flags.BoolP("help", "h", false, "show this help")
	if err := flags.Parse(words); err != nil {
		return usageError{fmt.Sprintf("%s; see `circleci %s --help`", err, k.path)}
	}
	if asked, _ := flags.GetBool("help"); asked {
		k.help(c.Stdout, flags)
		return nil
	}
	return k.run(ctx, c, flags.Args())
}

// newFlags returns a set that leaves telling of mistakes to us.
func newFlags() *pflag.FlagSet {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.SortFlags = false
	return flags
}

// help lists the commands, those of one group or all.
func (c *Call) help(all []*command, group string) {
	fmt.Fprintf(c.Stdout, "What a job can do with its agent.\n\nUsage:\n  circleci %s\n\nCommands:\n", strings.TrimSpace(group+" <command> [flags]"))
	for _, k := range all {
		if group == "" || strings.HasPrefix(k.path, group+" ") {
			fmt.Fprintf(c.Stdout, "  %-12s %s\n", k.path, k.short)
		}
	}
	fmt.Fprint(c.Stdout, "\nUse \"circleci <command> --help\" for more about a command.\n")
}

func (k *command) help(out io.Writer, flags *pflag.FlagSet) {
	fmt.Fprintf(out, "%s\n\nUsage:\n  circleci %s\n\nFlags:\n%s", strings.TrimSpace(k.short+"\n\n"+k.long),
		strings.TrimSpace(k.path+" [flags] "+k.args), flags.FlagUsages())
}

// getenv returns a variable of the job.
func (c *Call) getenv(name string) string { return process.Getenv(c.Environ, name) }

// agent returns the way to the job's agent.
func (c *Call) agent() (*answer.Caller, error) {
	folder := c.getenv("CIRCLE_INTERNAL_TASK_DATA")
	if folder == "" {
		return nil, core.Errorf(core.CodeInvalid, "CIRCLE_INTERNAL_TASK_DATA is not set: this command works in a step of a job only; `su -` and sudo drop it, so hand the CIRCLE_ variables on (sudo --preserve-env, su -w)")
	}
	return answer.NewCaller(filepath.Join(folder, answer.Socket)), nil
}

// ask calls the job's agent.
func (c *Call) ask(ctx context.Context, path string, in, out any) error {
	agent, err := c.agent()
	if err != nil {
		return err
	}
	return agent.Call(ctx, path, in, out)
}
