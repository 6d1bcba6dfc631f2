// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
)

// containers lists the images of a docker job and what became of each: where it
// came from, how it was fetched, and how its container fares.
func (j *job) containers(text *strings.Builder) {
	known := map[int]core.Container{}
	for _, c := range j.task.Containers {
		known[c.Index] = c
	}
	for i, image := range j.task.Spec.Plan.Executor.Images {
		role := "Service image"
		if i == 0 {
			role = "Primary image"
		}
		fmt.Fprintf(text, "%s: %s", role, image.Image)
		if image.Name != "" {
			fmt.Fprintf(text, " (host name %s)", image.Name)
		}
		c, ok := known[i]
		text.WriteByte('\n')
		if ok {
			tell(text, i, image, c)
		}
	}
}

func tell(text *strings.Builder, index int, image core.DockerImage, c core.Container) {
	line := func(format string, args ...any) { fmt.Fprintf(text, "  "+format+"\n", args...) }
	if c.Image != "" && c.Image != image.Image && c.Digest != "" {
		line("fetched as %s", c.Image)
	}
	if c.Digest != "" {
		line("digest: %s", c.Digest)
	}
	if c.Unknown != "" {
		line("%s: %s", missingOf(c), c.Unknown)
	}
	size := ""
	if c.Size > 0 {
		size = ", " + bytesOf(c.Size)
	}
	if c.Compressed {
		size += " compressed"
	}
	switch {
	case c.Present:
		line("the client had it%s", size)
	case c.Pulled > 0:
		line("pulled in %s%s", seconds(c.Pulled), size)
	case size != "":
		line("size: %s", strings.TrimPrefix(size, ", "))
	}
	if index == 0 {
		return
	}
	switch {
	case c.Exit != nil:
		line("container ended with exit status %d%s", *c.Exit, lastWords(c.Output))
	case c.StartedAt != nil:
		line("container started at %s", c.StartedAt.UTC().Format("15:04:05.000"))
	}
}

// missingOf names what is left out.
func missingOf(c core.Container) string {
	switch {
	case c.Digest == "" && c.Size == 0:
		return "digest and size are unknown"
	case c.Size == 0:
		return "the size is unknown"
	default:
		return "not all is known of the image"
	}
}

// lastWords indents the end of a container's output.
func lastWords(output string) string {
	output = strings.TrimSpace(output)
	if output == "" {
		return ""
	}
	return "; it wrote last:\n    " + strings.ReplaceAll(output, "\n", "\n    ")
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func bytesOf(n int64) string {
	const unit = 1000
	names := []string{"B", "kB", "MB", "GB", "TB"}
	value, i := float64(n), 0
	for value >= unit && i < len(names)-1 {
		value, i = value/unit, i+1
	}
	return fmt.Sprintf(cmp.Or(map[bool]string{true: "%.0f %s"}[i == 0], "%.1f %s"), value, names[i])
}
