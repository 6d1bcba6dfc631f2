// SPDX-License-Identifier: MPL-2.0

// Package resolve finds the instances of services.
//
// Services talk to each other with an ordinary http.Client to addresses such as
// "http://queue.muster/queue/v1/enqueue". The Catalog's transport brings such a
// request to a healthy instance: with Consul over the network, with Memory to a
// listener in the same process. Nobody else knows where a service runs.
package resolve
