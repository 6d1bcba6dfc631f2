// SPDX-License-Identifier: MPL-2.0

package httpx

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/internal/devcert"
)

// A certificate whose files change is read again; one that cannot be used leaves
// the old one in place.
func TestACertificateIsReadAgain(t *testing.T) {
	t.Parallel()
	now := time.Now()
	dir := t.TempDir()
	files, err := devcert.Ensure(dir, []string{"old"}, now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCertificate(files.Certificate, files.Key, hclog.NewNullLogger(), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		t.Helper()
		now = now.Add(2 * certificateAge)
		pair, err := c.Config().GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.DNSNames[0]
	}
	if got := name(); got != "old" {
		t.Errorf("got %s, want old", got)
	}
	write := func(from string) {
		t.Helper()
		for _, file := range []string{"key.pem", "certificate.pem"} {
			data := []byte("no certificate")
			if from != "" {
				if data, err = os.ReadFile(filepath.Join(from, file)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, file), data, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(filepath.Join(dir, file), now, now); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("")
	if got := name(); got != "old" {
		t.Errorf("after a broken file: got %s, want old", got)
	}
	other := t.TempDir()
	if _, err := devcert.Ensure(other, []string{"new"}, now); err != nil {
		t.Fatal(err)
	}
	write(other)
	if got := name(); got != "new" {
		t.Errorf("got %s, want new", got)
	}
	if _, err := NewCertificate(filepath.Join(dir, "none"), files.Key, hclog.NewNullLogger(), time.Now); err == nil {
		t.Error("a certificate that is not there was accepted")
	}
}
