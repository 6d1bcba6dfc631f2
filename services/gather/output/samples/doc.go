// SPDX-License-Identifier: MPL-2.0

// Package samples keeps a bounded series of what an attempt used: when it grows
// too long, every two points become one and stand for twice the time. Averages
// and peaks of the whole stay exact whatever is left of the points.
package samples
