// SPDX-License-Identifier: MPL-2.0

package ssh

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	xssh "golang.org/x/crypto/ssh"

	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/core"
)

// Limits of a server.
const (
	maxConnections = 32               // at once, those included that have not logged in
	loginTime      = 30 * time.Second // from connecting to having logged in
	maxChannels    = 32               // of one connection at once
)

// Config says who may come in, and where.
type Config struct {
	// Listen is where to listen, such as :64540 or 127.0.0.1:0; "" takes only
	// what is handed to Serve.
	Listen string
	// Address is the host, or host:port, under which people reach the listener;
	// without a port it is the listener's own. Default: the listener's address.
	Address string
	// Keys are authorized_keys lines.
	Keys []string
	// Forwarding allows connections from the job to elsewhere (ssh -L).
	Forwarding bool
	// Grace is what commands have from SIGTERM to SIGKILL. Default: 10 s.
	Grace time.Duration
	// Program is muster-agent itself, which serves sftp.
	Program string
}

// Deps are what a Server leans on.
type Deps struct {
	Logger    hclog.Logger
	Clock     core.Clock
	Processes *process.Table
	// Begin is told of each command before it starts, and what it returns, of
	// its end. An error refuses the command: what cannot be recorded is not done.
	Begin func(Login) (end func(code int), err error)
}

// Login is one command of one connection. Command is as it was sent, "" for a
// shell.
type Login struct {
	Kind        string // shell, exec or sftp; or forward, to the host and port in Command
	Command     string
	Remote      string // the other end's address
	Fingerprint string // of the key that logged in
}

// Account is what commands run with.
type Account struct {
	Shell []string // at a terminal
	Plain []string // reads commands from its input, without a terminal
	Run   []string // runs a command, which is added as the last word
	Dir   string
	Env   []string
}

// Server takes connections until Close.
type Server struct {
	cfg     Config
	deps    Deps
	account Account
	config  *xssh.ServerConfig
	hostKey xssh.PublicKey

	listener    net.Listener
	connections sync.WaitGroup

	mu       sync.Mutex
	open     map[*connection]bool
	pending  int // connections, with those that have not logged in
	closed   bool
	quietAt  time.Time     // since when nobody is logged in
	changed  chan struct{} // closed and replaced when somebody comes or goes
	commands map[*process.Session]bool
}

// New makes a server with a fresh host key. Without a key that may log in it is
// CodeInvalid.
func New(cfg Config, account Account, deps Deps) (*Server, error) {
	cfg.Grace = cmp.Or(cfg.Grace, 10*time.Second)
	allowed := make(map[string]string, len(cfg.Keys))
	for _, line := range cfg.Keys {
		key, _, _, _, err := xssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			deps.Logger.Warn("a key of the user is not readable", "error", err)
			continue
		}
		allowed[string(key.Marshal())] = xssh.FingerprintSHA256(key)
	}
	if len(allowed) == 0 {
		return nil, core.Errorf(core.CodeInvalid, "there is no key that could log in")
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the host key: %w", err)
	}
	signer, err := xssh.NewSignerFromSigner(private)
	if err != nil {
		return nil, fmt.Errorf("using the host key: %w", err)
	}
	config := &xssh.ServerConfig{ServerVersion: "SSH-2.0-Muster", PublicKeyCallback: check(allowed)}
	config.AddHostKey(signer)
	return &Server{cfg: cfg, deps: deps, account: account, config: config, hostKey: signer.PublicKey(),
		open: map[*connection]bool{}, commands: map[*process.Session]bool{}, quietAt: deps.Clock(), changed: make(chan struct{})}, nil
}

// fingerprintKey is where a connection keeps which key logged in. It belongs to
// the key that has signed, which need not be the last one that was offered.
const fingerprintKey = "fingerprint"

func check(allowed map[string]string) func(xssh.ConnMetadata, xssh.PublicKey) (*xssh.Permissions, error) {
	return func(_ xssh.ConnMetadata, key xssh.PublicKey) (*xssh.Permissions, error) {
		fingerprint, ok := allowed[string(key.Marshal())]
		if !ok {
			return nil, fmt.Errorf("the key %s is none of the user's who asked for the job", xssh.FingerprintSHA256(key))
		}
		return &xssh.Permissions{Extensions: map[string]string{fingerprintKey: fingerprint}}, nil
	}
}

// HostKey is the server's public key, as a line of authorized_keys.
func (s *Server) HostKey() string {
	line := xssh.MarshalAuthorizedKey(s.hostKey)
	return string(line[:len(line)-1])
}

// Fingerprint is that of the host key.
func (s *Server) Fingerprint() string { return xssh.FingerprintSHA256(s.hostKey) }

// Listen starts to take connections on Config.Listen and returns the host and
// port for people; "" and 0 when there is no listener.
func (s *Server) Listen(ctx context.Context) (host string, port int, err error) {
	if s.cfg.Listen == "" {
		return "", 0, nil
	}
	s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return "", 0, fmt.Errorf("listening for SSH: %w", err)
	}
	s.connections.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return // closed
			}
			s.connections.Go(func() { s.Serve(conn) })
		}
	})
	return s.place()
}

func (s *Server) place() (host string, port int, err error) {
	own, ok := s.listener.Addr().(*net.TCPAddr)
	if !ok {
		return "", 0, fmt.Errorf("the listener for SSH is at %s, which has no port", s.listener.Addr())
	}
	if s.cfg.Address == "" {
		return own.IP.String(), own.Port, nil
	}
	host, number, err := net.SplitHostPort(s.cfg.Address)
	if err != nil {
		return s.cfg.Address, own.Port, nil // a host without a port
	}
	if port, err = strconv.Atoi(number); err != nil {
		return "", 0, core.Errorf(core.CodeInvalid, "%q is no address for SSH: write host:port", s.cfg.Address)
	}
	return host, port, nil
}

// Close takes no more connections, ends those that there are with all their
// commands, and waits for that.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	var open []*connection
	for c := range s.open {
		open = append(open, c)
	}
	var running []*process.Session
	for command := range s.commands {
		running = append(running, command)
	}
	s.mu.Unlock()
	if s.listener != nil {
		s.listener.Close()
	}
	for _, c := range open {
		c.raw.Close()
	}
	var stopping sync.WaitGroup
	for _, command := range running {
		stopping.Go(func() { command.Stop(s.cfg.Grace) })
	}
	stopping.Wait()
	s.connections.Wait()
}
