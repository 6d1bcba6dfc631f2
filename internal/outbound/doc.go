// SPDX-License-Identifier: MPL-2.0

// Package outbound makes requests to addresses that users chose. What they name
// must never lead into the installation's own network: the address that is really
// dialed is checked, after the name was resolved, for each connection, so that
// neither a name that resolves to a private address nor one that changes its
// mind between check and use gets through. Environment proxies are not used,
// since they would resolve names themselves.
package outbound
