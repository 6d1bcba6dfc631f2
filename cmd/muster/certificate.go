// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-ci/muster/hcl/settings"
	"github.com/muster-ci/muster/internal/devcert"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/docker"
)

// tlsFolder is where `muster dev --tls` keeps its certificate, below the folder
// for everything.
const tlsFolder = "tls"

// certificate returns the gateway's, nil when it answers http.
func (m *seams) certificate() (*httpx.Certificate, error) {
	t := m.settings.TLS
	if t.Certificate == "" {
		return nil, nil
	}
	return httpx.NewCertificate(t.Certificate, t.Key, m.logger.Named("gateway"), time.Now)
}

// selfMade gives the gateway a certificate of an authority that only builds and
// the commands of this machine trust.
func selfMade(s *settings.Settings, data string) error {
	if s.TLS.Certificate != "" {
		return fmt.Errorf("the settings name a certificate already: leave out --tls, or the tls block")
	}
	hosts := []string{"localhost", "127.0.0.1", "::1", docker.HostName}
	if host, _, err := net.SplitHostPort(s.Listen.Public); err == nil && host != "" && !net.ParseIP(host).IsUnspecified() {
		hosts = append(hosts, host)
	}
	files, err := devcert.Ensure(filepath.Join(data, tlsFolder), append(hosts, bridgeIPs()...), time.Now())
	if err != nil {
		return err
	}
	s.TLS = settings.TLS{Certificate: files.Certificate, Key: files.Key}
	s.Cluster.Bundle = files.Bundle
	if s.Cluster.BaseURL == "http://"+s.Listen.Public {
		s.Cluster.BaseURL = "https://" + s.Listen.Public
	}
	return nil
}

// trusting returns what calls an installation on this machine: it trusts the
// certificate of the dev server whose folder is near, besides those of the
// system. nil: the usual.
func trusting(host string) http.RoundTripper {
	folder := devFolder()
	if folder == "" || !isLocal(host) {
		return nil
	}
	authority, err := os.ReadFile(devcert.In(filepath.Join(folder, tlsFolder)).CA)
	if err != nil {
		return nil // it has none
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM(authority)
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil
	}
	transport = transport.Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return transport
}
