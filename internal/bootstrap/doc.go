// SPDX-License-Identifier: MPL-2.0

// Package bootstrap prepares Vault, Nomad, Consul and PostgreSQL for Muster.
// It is `muster bootstrap`. Every step asks for a state and makes it so when it
// is not, so the whole may be run again at any time: after an upgrade, after an
// interruption, or to see that nothing has changed.
//
// What it leaves behind:
//
//	Vault       a KV v2 mount and a transit mount, one transit key per service
//	            that encrypts, a JWT auth method that trusts Nomad's identities,
//	            one policy by which a service reads its own branch and no other
//	PostgreSQL  one role per service that owns tables, with a password that
//	            only Vault knows
//	Nomad       namespaces for the control services and for builds, a node pool
//	            for builds, the ACL policy of placements
//	Consul      where ACLs are on, the auth method for Nomad's identities
package bootstrap
