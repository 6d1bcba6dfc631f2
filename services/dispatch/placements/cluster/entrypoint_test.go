// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"strings"
	"testing"

	"github.com/muster-ci/muster/core"
)

func TestEntrypoint(t *testing.T) {
	t.Parallel()
	own := ImageConfig{Entrypoint: []string{"/own"}, Command: []string{"serve"}}
	labelled := own
	labelled.Labels = map[string]string{preserveLabel: "true"}
	for name, tt := range map[string]struct {
		job   core.DockerImage
		image ImageConfig
		want  string
	}{
		"ignored":                {core.DockerImage{}, own, ""},
		"the label":              {core.DockerImage{}, labelled, "/own serve"},
		"a command":              {core.DockerImage{Command: []string{"--fast"}}, own, "/own --fast"},
		"an entrypoint":          {core.DockerImage{Entrypoint: []string{"/mine"}}, labelled, "/mine"},
		"both":                   {core.DockerImage{Entrypoint: []string{"/mine"}, Command: []string{"x"}}, own, "/mine x"},
		"none by an empty text":  {core.DockerImage{Entrypoint: []string{""}}, labelled, ""},
		"a command and no image": {core.DockerImage{Command: []string{"/prog"}}, ImageConfig{}, "/prog"},
	} {
		if got := strings.Join(Entrypoint(tt.job, tt.image), " "); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
