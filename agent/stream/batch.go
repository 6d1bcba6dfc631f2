// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"encoding/binary"
	"maps"

	"github.com/muster-ci/muster/internal/wire"
)

// ledger keeps the lengths of streams, to give records of the spool their
// offsets and to leave out what the receiver has already.
type ledger struct {
	acked map[int]int64 // up to the spool's acknowledged position
	// durable is what the receiver said it has; it runs ahead of acked when an
	// answer was lost or a request was taken in part.
	durable map[int]int64
}

func newLedger() *ledger {
	return &ledger{acked: make(map[int]int64), durable: make(map[int]int64)}
}

// batch is one request's worth of the spool.
type batch struct {
	records int           // bytes of the spool that it covers
	body    []byte        // frames; empty when the receiver has all of it
	lengths map[int]int64 // of the streams in it, when it will have been applied
}

// encode turns records into frames. Neighbours of one stream become one frame,
// and what is durable is left out. body is reused.
func (l *ledger) encode(records, body []byte) batch {
	b := batch{records: len(records), body: body[:0], lengths: make(map[int]int64)}
	var run wire.Frame
	var data []byte
	put := func() {
		if run.Data = data; len(data) > 0 {
			b.body = wire.AppendFrame(b.body, run)
		}
		data = nil
	}
	for len(records) > 0 {
		stream := int(binary.LittleEndian.Uint32(records))
		length := int(binary.LittleEndian.Uint32(records[4:]))
		fresh := records[recordHead : recordHead+length]
		records = records[recordHead+length:]
		offset, ok := b.lengths[stream]
		if !ok {
			offset = l.acked[stream]
		}
		b.lengths[stream] = offset + int64(length)
		if have := min(l.durable[stream]-offset, int64(length)); have > 0 {
			fresh = fresh[have:]
			offset += have
		}
		if stream != run.Stream || offset != run.Offset+int64(len(data)) || len(data)+len(fresh) > wire.MaxFrame {
			put()
			run.Stream, run.Offset = stream, offset
		}
		data = append(data, fresh...)
	}
	put()
	return b
}

// applied notes that a batch is durable.
func (l *ledger) applied(b batch) {
	maps.Copy(l.acked, b.lengths)
	for stream, length := range b.lengths {
		l.durable[stream] = max(l.durable[stream], length)
	}
}

// told notes lengths that the receiver reported. It returns false when the
// receiver has less of a stream than it acknowledged before: those bytes are
// gone here too.
func (l *ledger) told(lengths map[int]int64) bool {
	for stream, length := range lengths {
		l.durable[stream] = length
	}
	for stream, length := range l.acked {
		if told, ok := lengths[stream]; ok && told < length {
			return false
		}
	}
	return true
}
