// SPDX-License-Identifier: MPL-2.0

package outbound

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestOnlyPublicAddressesArePermitted(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"93.184.216.34": true, "2606:4700::1111": true, "::ffff:93.184.216.34": true,
		"127.0.0.1": false, "127.8.9.10": false, "::1": false, "::ffff:127.0.0.1": false,
		"10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "::ffff:10.0.0.1": false,
		"169.254.169.254": false, "fe80::1": false, "fd00::1": false, "fd00:ec2::254": false,
		"0.0.0.0": false, "::": false, "0.1.2.3": false, "100.64.1.1": false, "224.0.0.1": false, "255.255.255.255": false,
		"240.0.0.1": false, "ff02::1": false, "64:ff9b::a00:1": false, "2002:7f00:1::": false, "::127.0.0.1": false,
		"2001:0:1::": false, "fec0::1": false, "198.18.0.1": false, "192.0.0.192": false,
	} {
		if got := (Options{}).permits(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
	}
	if !(Options{Loopback: true}).permits(netip.MustParseAddr("127.0.0.1")) || (Options{Loopback: true}).permits(netip.MustParseAddr("10.0.0.1")) {
		t.Error("loopback: want it, and it alone, permitted")
	}
}

func TestPrivateNetworksTakeThePlaceOfPublicAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"10.0.0.1": true, "172.31.255.255": true, "192.168.1.1": true, "::ffff:10.0.0.1": true, "fd12:3456::1": true,
		"93.184.216.34": false, "2606:4700::1111": false, "127.0.0.1": false, "::1": false, "169.254.169.254": false,
		"fe80::1": false, "fd00:ec2::254": false, "0.0.0.0": false, "100.100.100.200": false, "224.0.0.1": false,
	} {
		if got := (Options{Private: true}).permits(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
	}
	if !(Options{Any: true}).permits(netip.MustParseAddr("169.254.169.254")) {
		t.Error("an operator's own host is not reached everywhere")
	}
}

// TestNamesAreCheckedAfterTheyWereResolved asks for a real server by a name that
// resolves to loopback.
func TestNamesAreCheckedAfterTheyWereResolved(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{} }))
	defer server.Close()
	byName := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	for _, url := range []string{server.URL, byName} {
		client := &http.Client{Transport: NewTransport(Options{})}
		if response, err := client.Get(url); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: got %v, %v", url, response, err)
		}
	}
	if len(asked) > 0 {
		t.Error("the server was reached")
	}
	transport := NewTransport(Options{Loopback: true})
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}
