// SPDX-License-Identifier: MPL-2.0

package ssh

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	xssh "golang.org/x/crypto/ssh"

	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/core"
)

// guests come to a server and go, in the time of a bubble.
type guests struct {
	t       *testing.T
	server  *Server
	invited xssh.Signer
	other   xssh.Signer
	here    map[string]net.Conn
}

func newGuests(t *testing.T) *guests {
	t.Helper()
	g := &guests{t: t, invited: key(t), other: key(t), here: map[string]net.Conn{}}
	var err error
	g.server, err = New(Config{Keys: []string{string(xssh.MarshalAuthorizedKey(g.invited.PublicKey()))}}, Account{},
		Deps{Logger: hclog.NewNullLogger(), Clock: time.Now, Processes: process.NewTable()})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func key(t *testing.T) xssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := xssh.NewSignerFromSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// connect opens a connection whose other end is served.
func (g *guests) connect(name string) net.Conn {
	here, there := net.Pipe()
	conn := &ahead{Conn: here, out: make(chan []byte, 64), closed: make(chan struct{})}
	go conn.send()
	g.here[name] = conn
	go g.server.Serve(there)
	return conn
}

// ahead is a connection that is written to ahead of who reads. Both sides of SSH
// begin with writing, and a net.Pipe has no room.
type ahead struct {
	net.Conn
	out    chan []byte
	closed chan struct{}
	once   sync.Once
}

func (a *ahead) Write(p []byte) (int, error) {
	select {
	case a.out <- bytes.Clone(p):
		return len(p), nil
	case <-a.closed:
		return 0, net.ErrClosed
	}
}

func (a *ahead) send() {
	for {
		select {
		case p := <-a.out:
			if _, err := a.Conn.Write(p); err != nil {
				return
			}
		case <-a.closed:
			return
		}
	}
}

func (a *ahead) Close() error {
	a.once.Do(func() { close(a.closed) })
	return a.Conn.Close()
}

// come logs in, or tries to with a key that is none of the user's.
func (g *guests) come(name string, signer xssh.Signer) error {
	conn, channels, requests, err := xssh.NewClientConn(g.connect(name), "job", &xssh.ClientConfig{User: "u",
		Auth: []xssh.AuthMethod{xssh.PublicKeys(signer)}, HostKeyCallback: xssh.FixedHostKey(g.server.hostKey)})
	if err != nil {
		return err
	}
	go xssh.DiscardRequests(requests)
	go func() {
		for ch := range channels {
			ch.Reject(xssh.Prohibited, "not here")
		}
	}()
	go conn.Wait()
	return nil
}

func (g *guests) leave(name string) {
	g.here[name].Close()
	delete(g.here, name)
}

// visit is what happens so long after the wait began, or before.
type visit struct {
	after time.Duration
	do    string // comes, goes, refused or lurks: connects and does not log in
	who   string
}

func (g *guests) do(v visit) {
	switch v.do {
	case "comes":
		if err := g.come(v.who, g.invited); err != nil {
			g.t.Errorf("%s: logging in: %v", v.who, err)
		}
	case "goes":
		g.leave(v.who)
	case "refused":
		if err := g.come(v.who, g.other); err == nil {
			g.t.Errorf("%s logged in with a key of nobody", v.who)
		}
	case "lurks":
		g.connect(v.who)
	}
	synctest.Wait()
}

// TestTenMinutesAndTwoHours is the wait of a job with the durations that people
// get, to the nanosecond.
func TestTenMinutesAndTwoHours(t *testing.T) {
	t.Parallel()
	const idle, most = 10 * time.Minute, 2 * time.Hour
	if core.SSHIdle != idle || core.SSHMost != most {
		t.Fatalf("the defaults are %s and %s, want what the documentation promises: %s and %s", core.SSHIdle, core.SSHMost, idle, most)
	}
	short := func(who string, at time.Duration) []visit {
		return []visit{{at, "comes", who}, {at + time.Second, "goes", who}}
	}
	var often []visit
	for at := 9 * time.Minute; at < 3*time.Hour; at += 9 * time.Minute {
		often = append(often, short("often", at)...)
	}
	for name, c := range map[string]struct {
		visits []visit
		want   time.Duration
	}{
		"nobody":                    {nil, idle},
		"before it began":           {short("early", -time.Hour), idle},
		"still there as it begins":  {[]visit{{-time.Minute, "comes", "a"}, {time.Minute, "goes", "a"}}, time.Minute + idle},
		"at the last moment":        {short("late", idle-1), idle - 1 + time.Second + idle},
		"too late":                  {short("late", idle+1), idle},
		"for an hour":               {[]visit{{time.Minute, "comes", "a"}, {time.Hour, "goes", "a"}}, time.Hour + idle},
		"two, the first goes last":  {[]visit{{1, "comes", "a"}, {2, "comes", "b"}, {time.Hour, "goes", "b"}, {90 * time.Minute, "goes", "a"}}, 100 * time.Minute},
		"stays":                     {[]visit{{time.Minute, "comes", "a"}}, most},
		"goes shortly before":       {[]visit{{time.Minute, "comes", "a"}, {most - 5*time.Minute, "goes", "a"}}, most},
		"again and again":           {often, most},
		"comes before, and stays":   {[]visit{{-3 * time.Hour, "comes", "a"}}, most},
		"a key of nobody":           {[]visit{{idle - time.Second, "refused", "x"}}, idle},
		"who does not log in":       {[]visit{{idle - time.Second, "lurks", "x"}}, idle},
		"one of each":               {[]visit{{1, "lurks", "x"}, {2, "comes", "a"}, {3, "refused", "y"}, {time.Hour, "goes", "a"}}, time.Hour + idle},
		"a connection that is held": {[]visit{{1, "comes", "a"}, {time.Hour, "lurks", "x"}, {61 * time.Minute, "goes", "a"}}, 71 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if took := newGuests(t).wait(c.visits, idle, most); took != c.want {
					t.Errorf("it took %s, want %s", took, c.want)
				}
			})
		})
	}
}

// wait waits while visits are made, and tells how long.
func (g *guests) wait(visits []visit, idle, most time.Duration) time.Duration {
	g.t.Helper()
	began := time.Now()
	if len(visits) > 0 && visits[0].after < 0 {
		began = began.Add(-visits[0].after)
	}
	ended := make(chan time.Duration, 1)
	go func() {
		time.Sleep(time.Until(began))
		g.server.Wait(g.t.Context(), idle, most)
		ended <- time.Since(began)
	}()
	took := time.Duration(-1)
	for _, v := range visits {
		select {
		case took = <-ended:
		case <-time.After(time.Until(began.Add(v.after))):
			g.do(v)
			continue
		}
		break
	}
	if took < 0 {
		took = <-ended
	}
	g.close()
	return took
}

// close closes the server, which nobody's connection outlives.
func (g *guests) close() {
	g.server.Close()
	for name, conn := range g.here {
		for buffer := make([]byte, 1024); ; {
			if _, err := conn.Read(buffer); errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
				break
			} else if err != nil {
				g.t.Errorf("%s: %v", name, err)
				break
			}
		}
		conn.Close()
	}
}

// TestWhoDoesNotLogInIsCutOff after half a minute, and holds none of the places.
func TestWhoDoesNotLogInIsCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuests(t)
		began := time.Now()
		conn := g.connect("lurker")
		for buffer := make([]byte, 1024); ; {
			if _, err := conn.Read(buffer); err != nil { // after the server's first words
				break
			}
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("it took %s", took)
		}
		if err := g.come("a", g.invited); err != nil {
			t.Error(err)
		}
		g.close()
	})
}

// TestTheEndOfTheJobEndsTheWait, as when it is canceled.
func TestTheEndOfTheJobEndsTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuests(t)
		g.do(visit{0, "comes", "a"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		g.server.Wait(ctx, core.SSHIdle, core.SSHMost)
		if took := time.Since(began); took != time.Hour {
			t.Errorf("it took %s", took)
		}
		g.close()
	})
}
