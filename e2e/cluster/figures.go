// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Figure is what one control service uses.
type Figure struct {
	Service string
	RSS     int64   // bytes of resident memory of its processes
	CPU     float64 // share of one processor over the time of measuring
}

// ticks of processor time in a second, as proc(5) counts on Linux.
const ticks = 100

// Figures measures the control services for a while. Nomad, Consul, Vault and
// PostgreSQL are not among them.
func (c *Cluster) Figures(ctx context.Context, during time.Duration) ([]Figure, error) {
	pids := map[string][]string{}
	before := map[string]int64{}
	for _, name := range Services {
		found, err := c.TaskPIDs(ctx, name)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s does not run", name)
		}
		pids[name] = found
		before[name] = cpuTime(found)
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(during):
	}
	var figures []Figure
	for _, name := range Services {
		used := float64(cpuTime(pids[name])-before[name]) / ticks
		figures = append(figures, Figure{Service: name, RSS: resident(pids[name]), CPU: used / during.Seconds()})
	}
	return figures, nil
}

// cpuTime is user and system time in ticks: fields 14 and 15 of
// /proc/<pid>/stat.
func cpuTime(pids []string) int64 {
	var sum int64
	for _, pid := range pids {
		text, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		for _, i := range []int{11, 12} {
			if i < len(fields) {
				n, _ := strconv.ParseInt(fields[i], 10, 64)
				sum += n
			}
		}
	}
	return sum
}

// resident is VmRSS of /proc/<pid>/status in bytes.
func resident(pids []string) int64 {
	var sum int64
	for _, pid := range pids {
		text, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				sum += kib << 10
			}
		}
	}
	return sum
}

// PrintFigures measures and prints a line per service and the sum.
func (c *Cluster) PrintFigures(ctx context.Context, during time.Duration) ([]Figure, error) {
	figures, err := c.Figures(ctx, during)
	if err != nil {
		return nil, err
	}
	var memory int64
	var cpu float64
	for _, f := range figures {
		c.say("%-14s %5.1f MiB resident, %4.1f %% of a processor", f.Service, float64(f.RSS)/(1<<20), 100*f.CPU)
		memory += f.RSS
		cpu += f.CPU
	}
	c.say("%-14s %5.1f MiB resident, %4.1f %% of a processor, idle for %s", "control plane", float64(memory)/(1<<20), 100*cpu, during)
	return figures, nil
}
