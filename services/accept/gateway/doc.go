// SPDX-License-Identifier: MPL-2.0

// Package gateway is the public HTTP API: CircleCI's API v2 and as much of v1.1
// as there is here, and beside them Muster's own routes under /api/muster/v1.
//
// It owns no tables. People, scripts and the command line call it; it asks
// identity who they are, and every other service for what they want to know, all
// through the interfaces of core. Each instance answers every request: what it
// keeps between two requests are rate limits and the watches of package follow.
//
// One table of routes (routes_http.go) drives the router and the OpenAPI
// document, so neither can name a route that the other lacks. A handler returns
// a value or an error; status, JSON and error texts are made in one place.
package gateway
