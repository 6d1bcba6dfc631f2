// SPDX-License-Identifier: MPL-2.0

package stream_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/agent/mask"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/internal/testx"
)

// TestAFullDiskMakesTheWriterWait puts a spool that may grow to 512 MiB on a
// disk of 1 MiB.
func TestAFullDiskMakesTheWriterWait(t *testing.T) {
	t.Parallel()
	dir := testx.SmallDisk(t, "1m")
	f := setup(t, 1)
	var log bytes.Buffer
	logger := hclog.New(&hclog.LoggerOptions{Output: &log})
	spool, err := stream.NewSpool(dir, 512<<20, logger)
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	client := stream.NewClient([]string{f.server.URL})
	sender, err := stream.NewSender(stream.SenderConfig{}, stream.SenderDeps{Logger: logger, Clock: time.Now, Spool: spool, Client: client})
	if err != nil {
		t.Fatal(err)
	}
	claimFor(t, f, client)
	text := strings.Repeat("0123456789abcde\n", 256<<10)
	full := make(chan struct{})
	f.server.SetFault(func(int, string) agenttest.Fault {
		<-full
		return agenttest.None
	})
	written := make(chan error, 1)
	go func() {
		w := stream.NewRecorder(f.ctx, spool, mask.NewSet(), 0, time.Now).Step(0)
		_, err := io.WriteString(w, text[:1<<20+1]) // more than the disk holds
		if err == nil {
			_, err = io.WriteString(w, text[1<<20+1:])
		}
		spool.Finish()
		written <- err
	}()
	time.AfterFunc(50*time.Millisecond, func() { close(full) })
	if err := sender.Run(f.ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if got := f.server.Output(0); got != text {
		t.Errorf("got %d bytes, want %d", len(got), len(text))
	}
	if got := strings.Count(log.String(), "disk is full"); got == 0 {
		t.Errorf("nothing was logged: %s", &log)
	}
}
