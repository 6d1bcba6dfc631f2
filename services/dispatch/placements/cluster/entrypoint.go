// SPDX-License-Identifier: MPL-2.0

package cluster

import "github.com/muster-ci/muster/core"

// preserveLabel is CircleCI's: an image with it wants its entrypoint to run in a
// primary container too.
const preserveLabel = "com.circleci.preserve-entrypoint"

// ImageConfig is what an image says of itself; the zero one where that is not
// known.
type ImageConfig struct {
	Entrypoint, Command []string
	Labels              map[string]string
}

// Entrypoint returns what the primary container runs beside the steps: nothing,
// unless the job gives an entrypoint or a command, or the image's label asks for
// its own. An entrypoint of the job leaves the image's command out, as Docker
// does.
func Entrypoint(job core.DockerImage, image ImageConfig) []string {
	if len(job.Entrypoint) == 0 && len(job.Command) == 0 && image.Labels[preserveLabel] != "true" {
		return nil
	}
	entrypoint, command := job.Entrypoint, job.Command
	if len(entrypoint) == 0 {
		entrypoint = image.Entrypoint
		if len(command) == 0 {
			command = image.Command
		}
	}
	words := append(append([]string(nil), entrypoint...), command...)
	if len(words) == 0 || words[0] == "" {
		return nil // entrypoint: [""] is a way to say none
	}
	return words
}
