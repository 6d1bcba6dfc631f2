// SPDX-License-Identifier: MPL-2.0

// Package firewall writes the packet filter of a Nomad client that runs builds:
// what a build must not reach from its bridge network, whatever it is allowed to
// run. It is used by `muster client firewall`.
package firewall

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/muster-ci/muster/core"
)

// Config says what is kept from builds.
type Config struct {
	// Bridges are the interfaces behind which builds are.
	Bridges []string
	// Sites are the networks in which other machines of the cluster are: their
	// ports of Nomad, Consul, Vault and Docker are closed to builds.
	Sites []string
	// Allow are exceptions, address:port, such as a Vault that builds log in to.
	Allow []string
}

// Default covers Nomad's and Docker's bridges and all private networks.
func Default() Config {
	return Config{
		Bridges: []string{"nomad", "docker0"},
		Sites:   []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"},
	}
}

// chain is ours: it is emptied and filled again each time.
const chain = "MUSTER-BUILDS"

// The ports of Nomad (4646-4648), Consul (8300-8302, 8500-8503), Vault (8200,
// 8201), Docker's API (2375-2377) and etcd's and kubelet's, which share machines
// with them at some sites.
const ports = "2375:2377,2379:2380,4646:4648,8200:8201,8300:8302,8500:8503,10250"

// metadata is where clouds tell a machine its credentials, by family.
var metadata = map[bool]string{false: "169.254.0.0/16", true: "fd00:ec2::/32"}

// befores are the chains from which ours is asked: for what goes to this machine
// and through it. DOCKER-USER and NOMAD-ADMIN come before what Docker and CNI
// put in front of FORWARD later on.
var befores = []string{"INPUT", "FORWARD", "DOCKER-USER", "NOMAD-ADMIN"}

var interfaceName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,15}\+?$`)

// Script returns a shell script that sets the filter up, and does so anew when
// it is run again. A mistake in the config is CodeInvalid.
func Script(c Config) (string, error) {
	if len(c.Bridges) == 0 {
		return "", core.Errorf(core.CodeInvalid, "name the bridge of the builds, such as nomad")
	}
	for _, bridge := range c.Bridges {
		if !interfaceName.MatchString(bridge) {
			return "", core.Errorf(core.CodeInvalid, "%q is no name of a network interface", bridge)
		}
	}
	var b strings.Builder
	b.WriteString("#!/bin/sh\n# What builds must not reach from this client: its metadata service, and the\n" +
		"# ports of Nomad, Consul, Vault and Docker here and on the site's machines.\nset -eu\n")
	for _, six := range []bool{false, true} {
		if err := c.family(&b, six); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// Remove returns the script that takes the filter of these bridges away again.
func Remove(c Config) (string, error) {
	if _, err := Script(c); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("#!/bin/sh\n")
	for _, program := range []string{"iptables", "ip6tables"} {
		for _, bridge := range c.Bridges {
			for _, before := range befores {
				fmt.Fprintf(&b, "%s -w -D %s -i %s -j %s 2>/dev/null\n", program, before, bridge, chain)
			}
		}
		fmt.Fprintf(&b, "%[1]s -w -F %[2]s 2>/dev/null && %[1]s -w -X %[2]s 2>/dev/null\n", program, chain)
	}
	b.WriteString("exit 0\n")
	return b.String(), nil
}

// family writes the rules of IPv4 or IPv6.
func (c Config) family(b *strings.Builder, six bool) error {
	program, reject := "iptables", "icmp-port-unreachable"
	if six {
		program, reject = "ip6tables", "icmp6-port-unreachable"
		b.WriteString("\n[ -e /proc/net/if_inet6 ] || exit 0\n")
	}
	rule := func(format string, args ...any) { fmt.Fprintf(b, program+" -w "+format+"\n", args...) }
	fmt.Fprintf(b, "\n%[1]s -w -N %[2]s 2>/dev/null || %[1]s -w -F %[2]s\n", program, chain)
	rule("-A %s -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN", chain)
	for _, text := range c.Allow {
		at, err := netip.ParseAddrPort(text)
		if err != nil {
			return core.Errorf(core.CodeInvalid, "%q is no address and port; write it like 10.0.0.5:8200 or [fd00::5]:8200", text)
		}
		if at.Addr().Is6() == six {
			rule("-A %s -p tcp -d %s --dport %d -j RETURN", chain, at.Addr(), at.Port())
		}
	}
	rule("-A %s -d %s -j REJECT --reject-with %s", chain, metadata[six], reject)
	rule("-A %s -m addrtype --dst-type LOCAL -p tcp -m multiport --dports %s -j REJECT --reject-with %s", chain, ports, reject)
	for _, text := range c.Sites {
		site, err := netip.ParsePrefix(text)
		if err != nil {
			return core.Errorf(core.CodeInvalid, "%q is no network; write it like 10.0.0.0/8", text)
		}
		if site.Addr().Is6() == six {
			rule("-A %s -d %s -p tcp -m multiport --dports %s -j REJECT --reject-with %s", chain, site.Masked(), ports, reject)
		}
	}
	for _, bridge := range c.Bridges {
		for _, before := range befores {
			if before != "INPUT" && before != "FORWARD" {
				rule("-n -L %s >/dev/null 2>&1 || %s -w -N %s", before, program, before)
			}
			rule("-C %[1]s -i %[2]s -j %[3]s 2>/dev/null || %[4]s -w -I %[1]s 1 -i %[2]s -j %[3]s", before, bridge, chain, program)
		}
	}
	return nil
}
