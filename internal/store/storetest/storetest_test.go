// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/muster-ci/muster/internal/store"
)

// childEnv makes the test binary start a server, tell where, and hang.
const childEnv = "STORETEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	c, err := start()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(c.dir)
	io.Copy(io.Discard, os.Stdin)
}

// The server and its folder go even when the tests are killed.
func TestServerDoesNotOutliveTheTests(t *testing.T) {
	t.Parallel()
	PostgresDSN(t) // skips where there is no PostgreSQL
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dir := line[:len(line)-1]
	if _, err := os.Stat(dir + "/data/postmaster.pid"); err != nil {
		t.Fatalf("the child's server is not running: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it says that it was killed
	for deadline := time.Now().Add(30 * time.Second); ; {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there: the server outlived its tests", dir)
		}
	}
}

func TestEachGivesTheSameDatabaseAgain(t *testing.T) {
	t.Parallel()
	Each(t, "each", func(t *testing.T, open func() *store.DB) {
		one, two := open(), open()
		if _, err := one.NewRaw("CREATE TABLE x (id TEXT)").Exec(t.Context()); err != nil {
			t.Fatal(err) // or it is not fresh
		}
		if n, err := two.NewSelect().Table("x").Count(t.Context()); err != nil || n != 0 {
			t.Errorf("the other pool: %d rows, %v", n, err)
		}
		if want := t.Name()[len("TestEachGivesTheSameDatabaseAgain/"):]; one.Driver() != want {
			t.Errorf("subtest %s runs on %s", want, one.Driver())
		}
	})
}
