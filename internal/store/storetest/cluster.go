// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser    = "muster"
	startTimeout = 60 * time.Second
)

// cluster is a running PostgreSQL server. Its socket is in dir.
type cluster struct {
	dir string
	// leash is the writing end of the pipe that the script watches. It is kept
	// only to stay open for as long as this process lives.
	leash *os.File
}

// theCluster starts the server at the first call.
//
//nolint:gochecknoglobals // one server per test binary is the point
var theCluster = sync.OnceValues(start)

// script holds the server on a leash: reading the pipe ends when the last
// writer is gone, which the kernel sees to even after SIGKILL. SIGQUIT is
// PostgreSQL's immediate shutdown.
const script = `
"$1" -D "$2/data" -k "$2" -c listen_addresses= -c max_connections=300 \
	-c fsync=off -c synchronous_commit=off -c full_page_writes=off \
	-c shared_buffers=32MB -c log_line_prefix='%m %d ' >"$2/log" 2>&1 </dev/null &
pid=$!
cat >/dev/null
kill -QUIT $pid 2>/dev/null
wait $pid
rm -rf "$2"
`

func start() (*cluster, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "muster-pg-")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	c := &cluster{dir: dir}
	if err := c.start(bin); err != nil {
		return nil, errors.Join(err, c.release())
	}
	return c, nil
}

func (c *cluster) start(bin binaries) error {
	who, err := unprivileged()
	if err != nil {
		return err
	}
	if err := copyTemplate(bin, who, c.dir); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	if err := c.launch(bin, who); err != nil {
		return fmt.Errorf("launching the server: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := c.wait(ctx); err != nil {
		log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
		return fmt.Errorf("waiting for the server: %w; its log: %s", err, log)
	}
	return nil
}

func (c *cluster) launch(bin binaries, who *account) error {
	reading, writing, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reading.Close()
	c.leash = writing
	cmd := exec.Command("/bin/sh", "-c", script, "sh", bin.postgres, c.dir)
	cmd.Dir = c.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.Stdin = reading
	cmd.SysProcAttr = who.attributes()
	// Its output stays out of the pipe of "go test", which waits until all that
	// hold that pipe are gone.
	return cmd.Start()
}

// wait asks until the server answers; there is nothing to be told by.
func (c *cluster) wait(ctx context.Context) error {
	tick := time.NewTicker(15 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, c.dsn("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// release lets go of the leash, after which the script stops the server and
// removes the folder; without a script the folder goes here.
func (c *cluster) release() error {
	if c.leash != nil {
		return c.leash.Close()
	}
	return os.RemoveAll(c.dir)
}
