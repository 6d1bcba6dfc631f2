// SPDX-License-Identifier: MPL-2.0

package testx

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// The key of every S3 server that tests start. Whoever opens a bucket puts it
// into the environment, where the AWS SDK looks.
const (
	S3AccessKey = "muster-tests"
	S3SecretKey = "a-secret-of-tests-alone"
)

// S3 is a real S3 server, which keeps what it has in a folder.
type S3 struct {
	// Endpoint is its address, the same all its life.
	Endpoint string

	listen, root, users string
	process             *process
}

// NewS3 starts an S3 server without buckets.
func NewS3(t testing.TB) *S3 {
	t.Helper()
	listen := fmt.Sprintf("127.0.0.1:%d", FreePorts(t, 1)[0])
	s := &S3{Endpoint: "http://" + listen, listen: listen, root: t.TempDir(), users: t.TempDir()}
	s.Start(t)
	t.Cleanup(func() { s.Kill(t) })
	return s
}

// Start brings a server back, with all that it had.
func (s *S3) Start(t testing.TB) {
	t.Helper()
	// What it knows of an object is in extended attributes of the object's file,
	// and changes with it in one step. With --sidecar it is in files beside it,
	// and a reader may see the one of before and the other of afterwards.
	s.process = start(t, syscall.SIGKILL, Tool(t, "versitygw"), "--access="+S3AccessKey, "--secret="+S3SecretKey, "--port="+s.listen,
		"--region=us-east-1", "--keep-alive", "--health=/health", "--quiet", "--iam-dir="+s.users, "posix", s.root)
	s.process.await(t, func() error {
		_, err := get(s.Endpoint + "/health")
		return err
	})
}

// Kill ends the server as a crash does. One that has ended stays so.
func (s *S3) Kill(t testing.TB) {
	t.Helper()
	select {
	case <-s.process.done:
	default:
		s.process.stop(t, syscall.SIGKILL)
	}
}

// Bucket makes an empty bucket and returns its address for package objects. The
// server takes every folder for a bucket.
func (s *S3) Bucket(t testing.TB, name string) string {
	t.Helper()
	if err := os.Mkdir(filepath.Join(s.root, name), 0o700); err != nil {
		t.Fatal(err)
	}
	return "s3://" + name + "?region=us-east-1&s3ForcePathStyle=true&endpoint=" + url.QueryEscape(s.Endpoint)
}

// User makes one that may do nothing yet, with a secret key.
func (s *S3) User(t testing.TB, name, secret string) {
	t.Helper()
	out, err := exec.Command(Tool(t, "versitygw"), "admin", "--access="+S3AccessKey, "--secret="+S3SecretKey, "--region=us-east-1",
		"--endpoint-url="+s.Endpoint, "create-user", "--access="+name, "--secret="+secret, "--role=user").CombinedOutput()
	if err != nil {
		t.Fatalf("making the user %s: %v\n%s", name, err, out)
	}
}
