// SPDX-License-Identifier: MPL-2.0

package devcert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// How long a certificate is good, and how long before its end it is replaced.
const (
	validity = 398 * 24 * time.Hour // the most that clients accept
	renewal  = 30 * 24 * time.Hour
)

// Files are where a certificate is.
type Files struct {
	Certificate, Key string
	// CA is the authority alone; Bundle has it behind the system's own, for
	// programs that take one file for all.
	CA, Bundle string
}

// In names the files of a folder.
func In(dir string) Files {
	at := func(name string) string { return filepath.Join(dir, name) }
	return Files{Certificate: at("certificate.pem"), Key: at("key.pem"), CA: at("ca.pem"), Bundle: at("bundle.pem")}
}

// Ensure makes the files in a folder unless those that are there are good for
// all hosts and for a while.
func Ensure(dir string, hosts []string, now time.Time) (Files, error) {
	files := In(dir)
	if files.good(hosts, now) {
		return files, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return files, fmt.Errorf("making the folder of the certificate: %w", err)
	}
	authority, certificate, key, err := issue(hosts, now)
	if err != nil {
		return files, fmt.Errorf("making a certificate: %w", err)
	}
	for _, file := range []struct {
		name string
		data []byte
		mode os.FileMode
	}{
		{files.CA, authority, 0o644}, {files.Bundle, append(systemRoots(), authority...), 0o644},
		{files.Key, key, 0o600}, {files.Certificate, certificate, 0o644},
	} {
		if err := os.WriteFile(file.name, file.data, file.mode); err != nil {
			return files, fmt.Errorf("writing the certificate: %w", err)
		}
	}
	return files, nil
}

// good tells whether the files can be used as they are.
func (f Files) good(hosts []string, now time.Time) bool {
	for _, name := range []string{f.Key, f.CA, f.Bundle} {
		if _, err := os.Stat(name); err != nil {
			return false
		}
	}
	data, err := os.ReadFile(f.Certificate)
	block, _ := pem.Decode(data)
	if err != nil || block == nil {
		return false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil || now.Add(renewal).After(certificate.NotAfter) {
		return false
	}
	for _, host := range hosts {
		if certificate.VerifyHostname(host) != nil {
			return false
		}
	}
	return true
}

// issue makes an authority and one certificate of it, all PEM.
func issue(hosts []string, now time.Time) (authority, certificate, key []byte, err error) {
	signer, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	own, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	serial, err3 := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, nil, nil, err
	}
	ca := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Muster on " + hostname()},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(validity),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: new(big.Int).Add(serial, big.NewInt(1)), Subject: pkix.Name{CommonName: hosts[0]},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
			continue
		}
		leaf.DNSNames = append(leaf.DNSNames, host)
	}
	caDER, err1 := x509.CreateCertificate(rand.Reader, ca, ca, signer.Public(), signer)
	leafDER, err2 := x509.CreateCertificate(rand.Reader, leaf, ca, own.Public(), signer)
	keyDER, err3 := x509.MarshalPKCS8PrivateKey(own)
	return encode("CERTIFICATE", caDER), encode("CERTIFICATE", leafDER), encode("PRIVATE KEY", keyDER), errors.Join(err1, err2, err3)
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "this machine"
	}
	return name
}

// systemRoots returns the authorities that the system trusts, nothing where
// they are not in a file that is known.
func systemRoots() []byte {
	for _, name := range []string{
		os.Getenv("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem",
	} {
		if name == "" {
			continue
		}
		if data, err := os.ReadFile(name); err == nil {
			return append(bytes.TrimRight(data, "\n"), '\n')
		}
	}
	return nil
}
