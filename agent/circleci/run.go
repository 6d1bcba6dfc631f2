// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/muster-ci/muster/agent/process"
)

func testsRun() *command {
	flags := newFlags()
	script := flags.String("command", "", "script that runs the tests which it reads from its standard input (required)")
	options := newSplitting(flags)
	return &command{
		path:  "tests run",
		short: "Run this node's share of the tests; in a rerun of failed tests, those that failed",
		long: "The tests are read from the standard input, a name a line or separated by spaces.\n" +
			"The command gets those that it is to run on its standard input, a name a line:\n\n" +
			"  circleci tests glob \"tests/**/test_*.py\" |\n" +
			"    circleci tests run --command=\"xargs pytest --junitxml=out/junit.xml\" --split-by=timings\n\n" +
			"It is not run when there are none. Its exit status becomes this one's.",
		flags: flags,
		run: func(ctx context.Context, c *Call, args []string) error {
			switch {
			case *script == "":
				return usageError{`required flag "command" is not set: --command="xargs <what runs the tests>"`}
			case len(args) > 0:
				return usageError{fmt.Sprintf("unknown argument %q: the tests are read from the standard input", args[0])}
			}
			if err := options.check(c); err != nil {
				return err
			}
			return c.runTests(ctx, options, *script)
		},
	}
}

func (c *Call) runTests(ctx context.Context, options *splitting, script string) error {
	if *options.verbose {
		c.log("DEBUG", "Attempting to read from stdin. This will hang if no input is provided.")
	}
	names, err := c.readNames(nil, true)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		c.log("WARN", "No test names found in input source. If you were expecting test names, please check your input source.")
		return nil
	}
	all := len(names)
	if names, err = c.onlyFailed(ctx, names, *options.verbose); err != nil {
		return err
	}
	own, err := options.share(ctx, c, names)
	if err != nil {
		return err
	}
	options.counts(c, all, len(own))
	if len(own) == 0 {
		c.log("INFO", fmt.Sprintf("There were no tests found for node %d of %d: nothing to run", options.fixedIndex, options.fixedOfNode))
		return nil
	}
	c.log("INFO", "starting execution")
	if *options.verbose {
		c.log("DEBUG", "Received: "+strings.Join(own, " "))
	}
	return c.runScript(script, strings.Join(own, "\n")+"\n")
}

// runScript runs the script in a shell, with this process's output and signals.
func (c *Call) runScript(script, input string) error {
	shell := "/bin/sh"
	if process.LookPath("bash", c.Environ) {
		shell = "bash"
	}
	cmd := exec.Command(shell, "-c", script)
	cmd.Env = c.Environ
	cmd.Stdout, cmd.Stderr = c.Stdout, c.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("giving the command its tests: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("running the command: %w", err)
	}
	written := make(chan struct{})
	go func() {
		io.WriteString(in, input) // a command need not read what it is given
		in.Close()
		close(written)
	}()
	err = cmd.Wait()
	<-written
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return fmt.Errorf("running the command: %w", err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitError{128 + int(status.Signal())}
	}
	return exitError{exit.ExitCode()}
}

// log writes to stderr in the form of CircleCI's plugin.
func (c *Call) log(level, text string) {
	fmt.Fprintf(c.Stderr, "%s[%s] %s\n", level, time.Now().UTC().Format(time.RFC3339), text)
}
