// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	recordHead = 8        // stream and length, little-endian uint32 each
	maxRecord  = 64 << 10 // payload bytes of one record
	// diskRetry is the pause before a full disk is tried again, when no
	// acknowledgement frees space sooner.
	diskRetry = time.Second
)

// Spool is the log of an attempt's streams on disk, in the order in which
// their bytes were written: records of a stream's number and a run of bytes,
// in segment files that are deleted once acknowledged.
//
// Any number of goroutines may append; one may read and acknowledge. Positions
// count bytes of the log from its beginning.
type Spool struct {
	dir     string
	max     int64 // bytes on disk
	segment int64 // bytes after which a new file is begun
	logger  hclog.Logger
	more    chan struct{} // capacity 1: something was appended, or the end declared
	freed   chan struct{} // closed and replaced when space may have come free

	mu       sync.Mutex
	segments []*segment // oldest first; the last one is written to
	end      int64      // position after the last record
	acked    int64      // position up to which all is acknowledged
	urgent   int64      // position before which there is something to send at once
	newest   int        // the highest number of a stream so far
	begun    bool       // a step has begun that has written nothing yet
	finished bool
	warned   bool // that the disk is full
	scratch  []byte
}

// NewSpool makes an empty spool in dir of at most max bytes.
func NewSpool(dir string, max int64, logger hclog.Logger) (*Spool, error) {
	s := &Spool{dir: dir, max: max, logger: logger, more: make(chan struct{}, 1), freed: make(chan struct{})}
	s.segment = min(8<<20, max/4+1)
	first, err := newSegment(dir, 0)
	if err != nil {
		return nil, err
	}
	s.segments = []*segment{first}
	return s, nil
}

// Append adds bytes to a stream. It returns when they are in the spool, and
// waits for acknowledgements when the spool or its disk is full. An error means
// that ctx ended or the disk failed.
func (s *Spool) Append(ctx context.Context, stream int, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), maxRecord)
		if err := s.appendRecord(ctx, stream, data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

func (s *Spool) appendRecord(ctx context.Context, stream int, data []byte) error {
	for {
		freed, err := s.tryAppend(stream, data)
		var retry <-chan time.Time
		switch {
		case err == nil && freed == nil:
			return nil
		case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
			s.warnFull(err)
			timer := time.NewTimer(diskRetry)
			defer timer.Stop()
			retry = timer.C
		case err != nil:
			return fmt.Errorf("writing to the spool: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for space in the spool: %w", context.Cause(ctx))
		case <-freed:
		case <-retry:
		}
	}
}

// tryAppend writes one record, or returns the channel that tells when to try
// again. With an error of the disk it returns both.
func (s *Spool) tryAppend(stream int, data []byte) (<-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := int64(recordHead + len(data))
	held := s.end - s.segments[0].base
	if held+size > s.max && s.end > s.acked {
		return s.freed, nil
	}
	last := s.segments[len(s.segments)-1]
	if last.size >= s.segment {
		next, err := newSegment(s.dir, s.end)
		if err != nil {
			return s.freed, err
		}
		s.segments = append(s.segments, next)
		last = next
	}
	s.scratch = binary.LittleEndian.AppendUint32(s.scratch[:0], uint32(stream))
	s.scratch = binary.LittleEndian.AppendUint32(s.scratch, uint32(len(data)))
	s.scratch = append(s.scratch, data...)
	if err := last.append(s.scratch); err != nil {
		return s.freed, err
	}
	s.end += size
	if stream > s.newest {
		s.newest, s.urgent, s.begun = stream, s.end, false
	}
	s.warned = false
	s.wake()
	return nil, nil
}

func (s *Spool) warnFull(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.warned {
		s.warned = true
		s.logger.Warn("the spool's disk is full, the build waits", "dir", s.dir, "error", err)
	}
}

// Finish declares that nothing will be appended any more.
func (s *Spool) Finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = true
	s.wake()
}

func (s *Spool) wake() {
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// Hurry says that the beginning of a step was appended, which is waited for.
// The first bytes of a stream always are.
func (s *Spool) Hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.urgent, s.begun = s.end, true
	s.wake()
}

// awaited tells whether the step that has begun last is about to write its
// first bytes: nothing has been said since.
func (s *Spool) awaited() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun && s.urgent == s.end && !s.finished
}

// pending returns how many bytes wait for an acknowledgement, whether some of
// them are urgent, and whether more may come.
func (s *Spool) pending() (bytes int64, urgent, finished bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end - s.acked, s.urgent > s.acked, s.finished
}

// read fills buf with whole records from the first that is not acknowledged,
// all out of one file.
func (s *Spool) read(buf []byte) ([]byte, error) {
	s.mu.Lock()
	at, end := s.acked, s.end
	seg := s.segments[0]
	for _, next := range s.segments {
		if next.base <= at {
			seg = next
		}
	}
	end = min(end, seg.base+seg.size)
	s.mu.Unlock()
	n := min(int64(len(buf)), end-at)
	if err := seg.read(buf[:n], at-seg.base); err != nil {
		return nil, fmt.Errorf("reading the spool: %w", err)
	}
	return wholeRecords(buf[:n]), nil
}

// wholeRecords cuts off a record that does not end in b.
func wholeRecords(b []byte) []byte {
	at := 0
	for at+recordHead <= len(b) {
		next := at + recordHead + int(binary.LittleEndian.Uint32(b[at+4:]))
		if next > len(b) {
			break
		}
		at = next
	}
	return b[:at]
}

// ack lets go of n bytes that read returned.
func (s *Spool) ack(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acked += int64(n)
	for len(s.segments) > 1 && s.segments[1].base <= s.acked {
		s.segments[0].close()
		s.segments = s.segments[1:]
	}
	if last := s.segments[0]; len(s.segments) == 1 && s.acked == s.end && last.size > 0 {
		s.reset(last)
	}
	close(s.freed)
	s.freed = make(chan struct{})
}

// reset empties the only segment when all of it is acknowledged, so that a
// quiet build holds no disk and a full disk recovers.
func (s *Spool) reset(last *segment) {
	if err := last.truncate(s.end); err != nil {
		s.logger.Warn("the spool could not be emptied", "dir", s.dir, "error", err)
	}
}

// Close gives the disk back. Nothing may be using the spool.
func (s *Spool) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range s.segments {
		seg.close()
	}
}
