// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
)

const testsHelp = `Shows what the tests of a job came to, as its store_test_results steps kept them:
those that failed with what they said, and how many of each kind there are.

With --all each test is a line, with --flaky it is the tests of the project that
have both succeeded and failed on one commit lately.`

// testsCommand is `muster tests`.
func testsCommand(o *options) *cobra.Command {
	var failed, every, flaky bool
	cmd := &cobra.Command{
		Use:     "tests [job number]",
		Short:   "Show what the tests of a job came to, or a project's flaky tests",
		Long:    testsHelp,
		Example: "  muster tests 31\n  muster tests 31 --failed --json\n  muster tests --flaky",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flaky == (len(args) == 1) {
				return errors.New("name a job by its number, or ask for --flaky")
			}
			if flaky {
				return o.onProject(cmd, func(s *session, slug string) error { return o.showFlaky(cmd, s, slug) })
			}
			number, err := parseNumber(args[0])
			if err != nil {
				return err
			}
			return o.onProject(cmd, func(s *session, slug string) error {
				list, err := s.Tests(cmd.Context(), slug, number, failed)
				if err != nil {
					return err
				}
				return o.showTests(cmd, list, every)
			})
		},
	}
	o.withProject(cmd)
	cmd.Flags().BoolVar(&failed, "failed", false, "only tests that failed")
	cmd.Flags().BoolVar(&every, "all", false, "a line for each test")
	cmd.Flags().BoolVar(&flaky, "flaky", false, "the flaky tests of the project")
	cmd.MarkFlagsMutuallyExclusive("all", "flaky")
	cmd.MarkFlagsMutuallyExclusive("failed", "flaky")
	return cmd
}

// showTests shows failures in full, and the others as far as they are asked for.
func (o *options) showTests(cmd *cobra.Command, list api.TestList, every bool) error {
	noteTests(cmd, list)
	if o.json || every {
		return show(cmd, o, list.Items, []string{"RESULT", "SECONDS", "CLASS", "TEST", "FILE"}, func(t api.Test, style terminal.Style) []string {
			return []string{resultOf(t, style), strconv.FormatFloat(t.RunTime, 'f', 3, 64), terminal.Plain(t.Classname), terminal.Plain(t.Name), terminal.Plain(t.File)}
		})
	}
	out := cmd.OutOrStdout()
	style := terminal.StyleOf(out)
	count := map[string]int{}
	seconds := 0.0
	for _, t := range list.Items {
		count[t.Result]++
		seconds += t.RunTime
		if t.Result != "failure" && t.Result != "error" {
			continue
		}
		fmt.Fprintf(out, "%s %s\n", resultOf(t, style), style.Bold(terminal.Plain(fullName(t))))
		if t.File != "" {
			fmt.Fprintf(out, "  %s\n", style.Dim(terminal.Plain(t.File)))
		}
		for line := range strings.Lines(t.Message) {
			fmt.Fprintf(out, "  %s\n", terminal.Plain(strings.TrimRight(line, "\n")))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "%d tests in %.1f s: %d succeeded, %d failed, %d skipped\n", len(list.Items), seconds,
		count["success"], count["failure"]+count["error"], count["skipped"])
	return nil
}

// noteTests says what is missing in a list.
func noteTests(cmd *cobra.Command, list api.TestList) {
	if list.Pending > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "Test results of %d uploads are still being read.\n", list.Pending)
	}
	for _, p := range list.Problems {
		where := ""
		if p.File != "" {
			where = p.File + ": "
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "Task %d: %s\n", p.NodeIndex, terminal.Plain(where+p.Message))
	}
}

func fullName(t api.Test) string {
	if t.Classname == "" || strings.HasPrefix(t.Name, t.Classname) {
		return t.Name
	}
	return t.Classname + " " + t.Name
}

// resultOf colours a test's result as a job's status.
func resultOf(t api.Test, style terminal.Style) string {
	if t.Result == "failure" || t.Result == "error" {
		return style.Status("failed")
	}
	return style.Status(t.Result)
}

func (o *options) showFlaky(cmd *cobra.Command, s *session, slug string) error {
	flaky, err := s.FlakyTests(cmd.Context(), slug)
	if err != nil {
		return err
	}
	if len(flaky.FlakyTests) == 0 && !o.json {
		fmt.Fprintln(cmd.ErrOrStderr(), "No test has both succeeded and failed on one commit lately.")
		return nil
	}
	return show(cmd, o, flaky.FlakyTests, []string{"TIMES", "CLASS", "TEST", "FILE", "JOB", "LAST IN"}, func(t api.FlakyTest, _ terminal.Style) []string {
		return []string{strconv.Itoa(t.TimesFlaked), terminal.Plain(t.Classname), terminal.Plain(t.TestName), terminal.Plain(t.File),
			terminal.Plain(t.JobName), strconv.FormatInt(t.JobNumber, 10)}
	})
}
