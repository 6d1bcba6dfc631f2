// SPDX-License-Identifier: MPL-2.0

package outbound

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrForbidden is in the chain of the error of a connection to an address that
// is not public, or not of the kind that the options permit.
var ErrForbidden = errors.New("the address is not public")

// Options of a transport.
type Options struct {
	// Loopback lets connections to this machine through as well.
	Loopback bool
	// Private lets connections to private networks through in place of those to
	// public addresses: whoever is asked there cannot be somebody outside who
	// sends us on into the site.
	Private bool
	// Any lets all connections through, for hosts that an operator has named.
	Any bool
}

// NewTransport returns a transport that connects to public addresses only, or
// where the options say. Time as a whole is bounded by the request's context.
func NewTransport(o Options) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: -1, Control: o.control}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns:           16,
		IdleConnTimeout:        30 * time.Second,
	}
}

// control is called with the address that a socket is about to be connected to.
func (o Options) control(network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("reading the address %q: %w", address, err)
	}
	if network != "tcp4" && network != "tcp6" || !o.permits(to.Addr()) {
		return fmt.Errorf("connecting to %s: %w", to.Addr(), ErrForbidden)
	}
	return nil
}

func (o Options) permits(address netip.Addr) bool {
	address = address.Unmap()
	switch {
	case o.Any:
		return true
	case address.IsLoopback():
		return o.Loopback
	case o.Private:
		return Private(address)
	}
	if !address.IsGlobalUnicast() || address.IsPrivate() || address.Zone() != "" {
		return false
	}
	for _, network := range special() {
		if network.Contains(address) {
			return false
		}
	}
	return true
}

// Private tells whether an address is of a private network (RFC 1918 and unique
// local ones), without the one of those that is a cloud's metadata service.
func Private(address netip.Addr) bool {
	address = address.Unmap()
	return address.IsPrivate() && address.Zone() == "" && !netip.MustParsePrefix("fd00:ec2::/32").Contains(address)
}

// special are networks of IANA's registries of special-purpose addresses that
// count as global unicast by their form. The IPv6 ones that embed an IPv4
// address would otherwise be a way around the check of that address.
func special() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),       // this network
		netip.MustParsePrefix("100.64.0.0/10"),   // carriers' own
		netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
		netip.MustParsePrefix("192.0.2.0/24"),    // documentation
		netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
		netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
		netip.MustParsePrefix("198.51.100.0/24"), // documentation
		netip.MustParsePrefix("203.0.113.0/24"),  // documentation
		netip.MustParsePrefix("240.0.0.0/4"),     // reserved
		netip.MustParsePrefix("::/96"),           // IPv4-compatible
		netip.MustParsePrefix("64:ff9b::/96"),    // NAT64
		netip.MustParsePrefix("64:ff9b:1::/48"),  // NAT64, local
		netip.MustParsePrefix("100::/64"),        // discard
		netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo
		netip.MustParsePrefix("2001:db8::/32"),   // documentation
		netip.MustParsePrefix("2002::/16"),       // 6to4
		netip.MustParsePrefix("3fff::/20"),       // documentation
		netip.MustParsePrefix("5f00::/16"),       // segment routing
		netip.MustParsePrefix("fec0::/10"),       // site-local
	}
}
