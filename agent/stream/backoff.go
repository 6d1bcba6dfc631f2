// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"math/rand/v2"
	"time"
)

// Backoff is the pause between tries: it doubles from Least to Most, and half
// of it is chance, so that a thousand agents do not come back in step.
type Backoff struct {
	Least, Most time.Duration

	tries int
}

// Next returns the pause before the next try.
func (b *Backoff) Next() time.Duration {
	pause := b.Most
	if b.tries < 30 {
		pause = min(b.Least<<b.tries, b.Most)
		b.tries++
	}
	return pause/2 + rand.N(pause/2+1)
}

// Reset begins anew after a success.
func (b *Backoff) Reset() { b.tries = 0 }
