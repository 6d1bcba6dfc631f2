// SPDX-License-Identifier: MPL-2.0

package scenario

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// checkArtifacts compares all that the named jobs kept with what they should
// have kept, as the API lists and serves it.
func (p *Platform) checkArtifacts(t *testing.T, slug string, end State, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	asked := map[string]bool{}
	for place := range want {
		name, _, _ := strings.Cut(place, "/")
		if asked[name] {
			continue
		}
		asked[name] = true
		items, err := p.Client.Artifacts(t.Context(), slug, end.Job(t, name).JobNumber)
		if err != nil {
			t.Fatalf("listing the artifacts of %s: %v", name, err)
		}
		for _, a := range items {
			var content bytes.Buffer
			if _, err := p.Client.DownloadArtifact(t.Context(), a, &content); err != nil {
				t.Errorf("fetching %s: %v", a.URL, err)
			}
			got[fmt.Sprintf("%s/%d/%s", name, a.NodeIndex, a.Path)] = content.String()
		}
	}
	for place, content := range want {
		if got[place] != content {
			t.Errorf("artifact %s: got %q, want %q", place, got[place], content)
		}
		delete(got, place)
	}
	for place := range got {
		t.Errorf("artifact %s is not one of those that were to be kept", place)
	}
}
