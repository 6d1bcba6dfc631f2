// SPDX-License-Identifier: MPL-2.0

package httpx

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
)

// certificateAge is for how long a certificate is used without a look at its
// files.
const certificateAge = time.Second

// Certificate is that of a server, read again when its files change: whoever
// renews it has nothing to restart.
type Certificate struct {
	certificate, key string
	logger           hclog.Logger
	clock            core.Clock

	mu      sync.Mutex
	loaded  *tls.Certificate
	looked  time.Time
	changed [2]time.Time // of the files that loaded is from
}

// NewCertificate reads a certificate with its chain, and its key, both PEM. It
// fails when they cannot be used; later failures are logged, and the certificate
// that was loaded before stays in use.
func NewCertificate(certificate, key string, logger hclog.Logger, clock core.Clock) (*Certificate, error) {
	c := &Certificate{certificate: certificate, key: key, logger: logger, clock: clock}
	return c, c.load()
}

// Config is for a listener. HTTP/1.1 alone is spoken: some answers take over the
// connection.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}
}

func (c *Certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.clock(); now.Sub(c.looked) >= certificateAge {
		c.looked = now
		if c.times() != c.changed {
			if err := c.load(); err != nil {
				c.logger.Error("the new certificate cannot be used; the old one stays", "error", err)
			} else {
				c.logger.Info("certificate read again", "file", c.certificate)
			}
		}
	}
	return c.loaded
}

// load reads the files. The caller holds the lock, or is alone.
func (c *Certificate) load() error {
	times := c.times()
	pair, err := tls.LoadX509KeyPair(c.certificate, c.key)
	if err != nil {
		return fmt.Errorf("reading the certificate %s with the key %s: %w", c.certificate, c.key, err)
	}
	c.loaded, c.changed = &pair, times
	return nil
}

func (c *Certificate) times() (times [2]time.Time) {
	for i, name := range []string{c.certificate, c.key} {
		if info, err := os.Stat(name); err == nil {
			times[i] = info.ModTime()
		}
	}
	return times
}
