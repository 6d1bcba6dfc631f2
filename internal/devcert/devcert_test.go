// SPDX-License-Identifier: MPL-2.0

package devcert

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
	"time"
)

func TestACertificateIsTrustedByItsAuthorityAlone(t *testing.T) {
	t.Parallel()
	now := time.Now()
	files, err := Ensure(t.TempDir(), []string{"localhost", "127.0.0.1"}, now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, bundle := range []string{files.CA, files.Bundle} {
		pem, err := os.ReadFile(bundle)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		for host, good := range map[string]bool{"localhost": true, "127.0.0.1": true, "example.com": false} {
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: host}); (err == nil) != good {
				t.Errorf("%s with %s: got %v", host, bundle, err)
			}
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: x509.NewCertPool()}); err == nil {
		t.Error("it is trusted without its authority")
	}
	if info, err := os.Stat(files.Key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: got %v, %v, want mode 0600", info.Mode(), err)
	}
}

func TestACertificateIsMadeAnewWhenItHasTo(t *testing.T) {
	t.Parallel()
	now, dir := time.Now(), t.TempDir()
	made := func(hosts []string, at time.Time) string {
		t.Helper()
		files, err := Ensure(dir, hosts, at)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(files.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	first := made([]string{"localhost"}, now)
	if made([]string{"localhost"}, now.Add(time.Hour)) != first {
		t.Error("a good one was replaced")
	}
	second := made([]string{"localhost", "other"}, now)
	if second == first {
		t.Error("one without the name other was kept")
	}
	if made([]string{"localhost", "other"}, now.Add(validity-renewal+time.Hour)) == second {
		t.Error("one that ends soon was kept")
	}
}
