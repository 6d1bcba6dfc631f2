// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-ci/muster/internal/api"
)

// TestARunHeedsTheCommit: what the public API makes of a commit that asks for no
// pipeline, out of a repository that the platform fetches from.
func TestARunHeedsTheCommit(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t)
	dir := e.repository(t, []map[string]string{{".circleci/config.yml": `version: 2.1
jobs: {build: {machine: true, steps: [run: 'true']}}
workflows: {main: {when: false, jobs: [build]}}
`}})
	const project = "gh/acme/quiet"
	if _, err := e.Client.CreateProject(t.Context(), project, api.NewProject{RepositoryURL: dir, DefaultBranch: "main"}); err != nil {
		t.Fatal(err)
	}
	commit := func(message string) {
		cmd := exec.Command("git", "-c", "user.name=Example", "-c", "user.email=example@example.com", "commit", "-q", "--allow-empty", "-m", message)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	commit("Mend a word\n\nNothing to build. [skip ci]")
	status, answer := e.post(t, "/api/v2/project/"+project+"/pipeline/run", `{"checkout":{"branch":"main"}}`, "first")
	if status != http.StatusOK || !strings.Contains(fmt.Sprint(answer["message"]), "[skip ci]") {
		t.Errorf("got %d %v, want no pipeline, and why", status, answer)
	}
	if list, err := e.Client.ProjectPipelines(t.Context(), project, ""); err != nil || len(list) > 0 {
		t.Errorf("got pipelines %+v, %v", list, err)
	}
	status, answer = e.post(t, "/api/v2/project/"+project+"/pipeline", `{"branch":"main"}`, "first")
	if status != http.StatusCreated || answer["number"] != 1.0 {
		t.Errorf("a trigger that takes no notice: got %d %v, want pipeline 1", status, answer)
	}
	commit("Mend a wall")
	if status, again := e.post(t, "/api/v2/project/"+project+"/pipeline/run", `{"checkout":{"branch":"main"}}`, "first"); status != http.StatusOK {
		t.Errorf("the same request again: got %d %v, want the same answer", status, again)
	}
	status, answer = e.post(t, "/api/v2/project/"+project+"/pipeline/run", `{"checkout":{"branch":"main"}}`, "second")
	if status != http.StatusCreated || answer["number"] != 2.0 {
		t.Errorf("the next commit: got %d %v, want pipeline 2", status, answer)
	}
}

// post sends a request as the administrator.
func (e *embedded) post(t *testing.T, path, body, key string) (status int, answer map[string]any) {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(e.dir, "data", "token"))
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.public+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Circle-Token", strings.TrimSpace(string(token)))
	request.Header.Set("Idempotency-Key", key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}
