// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"io"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
)

// showUsage prints what jobs used of their resource classes, and hints below.
func showUsage(out io.Writer, style terminal.Style, used []api.JobUsage) {
	if len(used) == 0 {
		return
	}
	rows := [][]string{{"USED BY", "CLASS", "CPU", "PEAK", "OF", "MEMORY", "PEAK", "OF"}}
	hints := ""
	for _, u := range used {
		rows = append(rows, []string{
			terminal.Plain(u.Name), terminal.Plain(first(u.Class.Name, "-")),
			cores(u.CPU.Average), cores(u.CPU.Peak), known(u.Class.Cores > 0, cores(u.Class.Cores)),
			binary(u.Memory.Average), binary(u.Memory.Peak), known(u.Class.Memory > 0, binary(float64(u.Class.Memory))),
		})
		if u.Hint != "" {
			hints += fmt.Sprintf("%s: %s\n", terminal.Plain(u.Name), terminal.Plain(u.Hint))
		}
	}
	fmt.Fprintln(out)
	terminal.Table(out, style, rows)
	fmt.Fprint(out, hints)
}

func known(is bool, text string) string {
	if !is {
		return "-"
	}
	return text
}

func cores(n float64) string { return fmt.Sprintf("%.2f", n) }

// binary writes bytes as people read them.
func binary(n float64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%.0f MiB", n/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", n/(1<<30))
}
