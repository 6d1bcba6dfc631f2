// SPDX-License-Identifier: MPL-2.0

package httpx_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/internal/httpx"
)

// A client that was refused and goes on to send nothing of the body that it
// announced must lose its connection.
func TestRefusedClientsCannotStay(t *testing.T) {
	t.Parallel()
	engine := httpx.NewEngine(hclog.NewNullLogger())
	engine.POST("/", func(c *gin.Context) { c.Status(http.StatusUnauthorized) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- httpx.Serve(ctx, listener, engine) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: muster\r\nContent-Length: 1000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if answer, err := io.ReadAll(conn); err != nil {
		t.Errorf("got %q and %v, want an answer and the end of the connection", answer, err)
	}
}
