// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/muster-ci/muster/e2e/scenario"
	"github.com/muster-ci/muster/internal/api"
)

// algorithms are what jobs' tokens are signed with.
var algorithms = []jose.SignatureAlgorithm{jose.RS256}

// sshConfig leaves tokens where the executor's lines say.
const sshConfig = `version: 2.1
jobs:
  inside:
    %s
    environment: {GREETING: good morning}
    steps:
      - run: |
          echo 'export LATE="set by a step"' >> "$BASH_ENV"
          printf %%s "$CIRCLE_OIDC_TOKEN_V2" > token
          circleci run oidc get --claims '{"aud": "vault"}' > custom
          cat token custom
workflows:
  main:
    jobs: [inside]
`

// TestSSHIntoAJob does it on embedded parts.
func TestSSHIntoAJob(t *testing.T) {
	t.Parallel()
	newEmbedded(t).logsIn(t)
}

// sshExecutors are the lines of executors that somebody logs in to, and what
// they are greeted with.
func sshExecutors() map[string]struct{ line, want string } {
	return map[string]struct{ line, want string }{
		// The image has no bash, and sh reads no BASH_ENV.
		"docker":  {"docker: [{image: muster-busybox:local}]", "good morning||inside\n"},
		"machine": {"machine: true", "good morning|set by a step|inside\n"},
	}
}

// logsIn has somebody log in to a container and to a process that embedded parts
// run.
func (e *embedded) logsIn(t *testing.T) {
	token, err := os.ReadFile(filepath.Join(e.dir, "data", "token"))
	if err != nil {
		t.Fatal(err)
	}
	p := e.platform()
	for name, executor := range sshExecutors() {
		if name == "docker" && !p.Docker {
			t.Log("there is no Docker engine with muster-busybox:local here; the tests on the cluster have one")
			continue
		}
		t.Run(name, func(t *testing.T) {
			person{t: t, bin: e.bin, dir: t.TempDir(), host: e.public, token: strings.TrimSpace(string(token))}.logsIn(p, executor.line, executor.want)
		})
	}
}

// person is somebody with a token and the command line.
type person struct {
	t                     testing.TB
	bin, dir, host, token string
}

// logsIn runs a job again with SSH and logs in to it with the plain client, on
// its port and through the gateway. The tokens that it finds there are checked
// as Vault or a cloud would, and the first is returned with the address.
func (e person) logsIn(p *scenario.Platform, executor, want string) (token, address string) {
	t := e.t
	t.Helper()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("there is no ssh; scripts/system-packages.sh openssh-client installs it")
	}
	id := p.Trigger(t, p.Project(t, "ssh"), fmt.Sprintf(sshConfig, executor))
	first := p.AwaitEnd(t, id)
	if job := first.Job(t, "inside"); job.Status != "success" {
		t.Fatalf("without SSH: got %s: %s", job.Status, job.Reason)
	}
	key := filepath.Join(e.dir, "id")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	e.cli("ssh-key", "add", key+".pub")
	_, err := p.Client.Rerun(t.Context(), first.Workflows[0].ID, api.RerunRequest{Jobs: []string{first.Job(t, "inside").ID}, EnableSSH: true})
	if err != nil {
		t.Fatal(err)
	}
	job, place := e.place(p, id, first.Job(t, "inside").ID)
	const command = `echo "$GREETING|$LATE|$CIRCLE_JOB"`
	if got := e.cli("ssh", "--option", "-i"+key, "--option", "-Fnone", job, "--", command); got != want {
		t.Errorf("through the gateway: got %q, want %q", got, want)
	}
	host, port, err := net.SplitHostPort(place.Address)
	if err != nil {
		t.Fatalf("the address %q: %v", place.Address, err)
	}
	known := filepath.Join(e.dir, "known")
	if err := os.WriteFile(known, []byte("["+host+"]:"+port+" "+place.HostKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := func(command string) string {
		out, err := e.client("ssh", port, known, key, host, command).CombinedOutput()
		if err != nil {
			t.Errorf("ssh: %v\n%s", err, out)
		}
		return string(out)
	}
	if got := plain(command); got != want {
		t.Errorf("with the plain client: got %q, want %q", got, want)
	}
	e.copies(host, port, known, key)
	token = plain("cat token")
	claims := e.verified(token)
	if claims["oidc.circleci.com/ssh-rerun"] != true || !strings.HasSuffix(claims["sub"].(string), "/vcs-ref/refs/heads/main") {
		t.Errorf("got claims %v", claims)
	}
	if claims := e.verified(strings.TrimSpace(plain("cat custom"))); claims["aud"] != "vault" {
		t.Errorf("got the audience %v", claims["aud"])
	}
	if err := p.Client.CancelJob(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	p.AwaitEnd(t, id)
	if out, err := e.client("ssh", port, known, key, host, "true").CombinedOutput(); err == nil {
		t.Errorf("after the end: got in; %s", out)
	}
	e.toldOf(p, job)
	return token, place.Address
}

// client runs ssh or scp with a key and nothing else of this machine's.
func (e person) client(program, port, known, key string, args ...string) *exec.Cmd {
	all := []string{"-F", "none", "-i", key, "-o", "Port=" + port, "-o", "UserKnownHostsFile=" + known, "-o", "StrictHostKeyChecking=yes",
		"-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"}
	return exec.Command(program, append(all, args...)...)
}

// copies fetches a file with scp. Nobody gets in with another key, and no port is
// forwarded unless the installation allows it.
func (e person) copies(host, port, known, key string) {
	t := e.t
	t.Helper()
	to := filepath.Join(e.dir, "custom")
	if out, err := e.client("scp", port, known, key, host+":custom", to).CombinedOutput(); err != nil {
		t.Errorf("scp: %v\n%s", err, out)
	}
	if text, err := os.ReadFile(to); err != nil || !bytes.HasPrefix(text, []byte("eyJ")) {
		t.Errorf("scp brought %.20q, %v", text, err)
	}
	other := filepath.Join(e.dir, "other")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	if out, err := e.client("ssh", port, known, other, host, "true").CombinedOutput(); err == nil || !strings.Contains(string(out), "Permission denied") {
		t.Errorf("with another key: got %v\n%s", err, out)
	}
	if out, err := e.client("ssh", port, known, key, "-W", net.JoinHostPort(host, port), host).CombinedOutput(); !strings.Contains(string(out), "stdio forwarding failed") {
		t.Errorf("forwarding a port: got %v\n%s", err, out)
	}
}

// cli runs the command as its user would.
func (e person) cli(args ...string) string {
	e.t.Helper()
	cmd := exec.Command(filepath.Join(e.bin, "muster"), args...)
	cmd.Env = append(os.Environ(), "MUSTER_HOST="+e.host, "MUSTER_TOKEN="+e.token)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		e.t.Errorf("muster %v: %v; %s\n%s", args, err, out, problems.String())
	}
	return string(out)
}

// place waits until the rerun job can be logged in to and its steps are over.
func (e person) place(p *scenario.Platform, pipeline, first string) (job string, place api.SSHPlace) {
	e.t.Helper()
	p.Await(e.t, pipeline, "the job waits for SSH", func(s scenario.State) bool {
		for _, j := range s.Jobs {
			if j.ID == first {
				continue
			}
			out, err := p.StepOutput(e.t.Context(), j.ID, "Wait for SSH")
			places, placeErr := p.Client.SSHPlaces(e.t.Context(), j.ID)
			if err == nil && placeErr == nil && len(out) > 0 && len(places) == 1 {
				job, place = j.ID, places[0]
				return true
			}
		}
		return false
	})
	return job, place
}

// verified checks a token against what the gateway serves.
func (e person) verified(token string) map[string]any {
	e.t.Helper()
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		e.t.Fatalf("the token %.40q: %v", token, err)
	}
	claims := map[string]any{}
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
		e.t.Fatal(err)
	}
	var document api.OIDCDiscovery
	e.fetch(claims["iss"].(string)+"/.well-known/openid-configuration", &document)
	var keys jose.JSONWebKeySet
	e.fetch(document.JWKSURI, &keys)
	if err := parsed.Claims(keys, &claims); err != nil || document.Issuer != claims["iss"] {
		e.t.Errorf("verifying: %v; issuer %s", err, document.Issuer)
	}
	return claims
}

func (e person) fetch(address string, into any) {
	e.t.Helper()
	response, err := http.Get(address)
	if err != nil {
		e.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil || response.StatusCode != http.StatusOK {
		e.t.Fatalf("%s: %s, %v", address, response.Status, err)
	}
}

// toldOf looks for the sessions among the steps, and for tokens in what was
// written: they are masked.
func (e person) toldOf(p *scenario.Platform, job string) {
	e.t.Helper()
	steps, err := p.Client.JobSteps(e.t.Context(), job)
	if err != nil {
		e.t.Fatal(err)
	}
	sessions := 0
	for _, s := range steps.Tasks[0].Attempts[0].Steps {
		if s.Name == "SSH: exec" && s.Command != "" && s.Remote != "" && strings.HasPrefix(s.Fingerprint, "SHA256:") {
			sessions++
		}
		out, err := p.StepOutput(e.t.Context(), job, s.Name)
		if err != nil || strings.Contains(string(out), "eyJ") {
			e.t.Errorf("step %s: %v\n%s", s.Name, err, out)
		}
	}
	if sessions != 4 {
		e.t.Errorf("%d sessions are among the steps, want 4", sessions)
	}
}
