// SPDX-License-Identifier: MPL-2.0

// Package hints carries "look now" from who changed a row to who waits for it.
//
// A hint is never the message: the row is (law 1 of the design). Hints may be
// lost, doubled or come late, and whoever listens also looks by itself now and
// then, so a lost one costs one poll interval. That is what lets Notify be free
// of errors and waiting.
//
// Local is for one process, Postgres for several that share a database.
package hints

// Hints tells and is told about topics. A topic is "<service>.<table>", such as
// "queue.tasks", at most MaxTopic bytes.
type Hints interface {
	// Notify wakes the subscribers of topic, here and in other processes. It
	// never waits. Call it after the commit: before it, they would find nothing.
	Notify(topic string)

	// Subscribe returns a channel that holds one hint as soon as there was at
	// least one since the last was taken. It may also fire without cause. cancel
	// ends the subscription and may be called more than once; the channel is
	// never closed.
	Subscribe(topic string) (ch <-chan struct{}, cancel func())
}

// MaxTopic is the most bytes of a topic; a longer one reaches this process only.
const MaxTopic = 200
