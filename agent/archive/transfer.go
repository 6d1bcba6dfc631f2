// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/muster-ci/muster/core"
)

// theStore names the other side in what people read.
const theStore = "the object store"

var errStalled = errors.New("nothing moved for too long")

// trickle is how many bytes have to move for a transfer to have moved at all.
// What brings fewer in the time of a stall would take a part of the usual size
// more than four hours.
const trickle = 64 << 10

// stall ends ctx when too few bytes have been told to tick for limit.
func stall(ctx context.Context, limit time.Duration) (_ context.Context, tick func(int), done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() { cancel(errStalled) })
	moved := 0
	tick = func(n int) {
		if moved += n; moved >= trickle {
			moved = 0
			timer.Reset(limit)
		}
	}
	return ctx, tick, func() { timer.Stop(); cancel(nil) }
}

// ticking tells tick how much is read.
type ticking struct {
	io.Reader
	tick func(int)
}

// Read reads and ticks.
func (t ticking) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.tick(n)
	return n, err
}

// put sends a part, again from memory while that can help.
func (s *Store) put(ctx context.Context, addresses *urls, part int, sealed []byte, sum [sha256.Size]byte) error {
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	return s.insist(ctx, theStore, func(ctx context.Context) error {
		address, err := addresses.take(ctx, part)
		if err != nil {
			return permanent{err} // has been insisted on
		}
		return s.putOnce(ctx, address, digest, sealed)
	})
}

func (s *Store) putOnce(ctx context.Context, address, digest string, sealed []byte) error {
	ctx, tick, done := stall(ctx, s.cfg.Stall)
	defer done()
	body := func() (io.ReadCloser, error) {
		return io.NopCloser(ticking{bytes.NewReader(sealed), tick}), nil
	}
	first, _ := body()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, address, first)
	if err != nil {
		return permanent{core.Errorf(core.CodeInternal, "an address to send to cannot be used: %v", hideURL(err))}
	}
	request.ContentLength, request.GetBody = int64(len(sealed)), body
	request.Header.Set("Content-Digest", digest) // a store that knows it checks what arrived
	response, err := s.http.Do(request)
	if err != nil {
		return hideURL(because(ctx, err))
	}
	defer finish(response)
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %d", response.StatusCode)
	}
	return nil
}

// get fetches a whole part into buffer, which is empty and has the room, and
// goes on where a cut left it. What has the wrong digest is fetched once more,
// since a proxy or a disk may have garbled it.
func (s *Store) get(ctx context.Context, addresses *urls, part int, digest string, size int64, buffer []byte) ([]byte, error) {
	garbled := 0
	err := s.insist(ctx, theStore, func(ctx context.Context) error {
		address, err := addresses.take(ctx, part)
		if err != nil {
			return permanent{err}
		}
		buffer, err = s.getOnce(ctx, address, size, buffer)
		if err != nil {
			return err
		}
		if digestOf(buffer) == digest {
			return nil
		}
		buffer = buffer[:0]
		if garbled++; garbled > 2 {
			return permanent{core.Errorf(core.CodeInternal, "part %d of the archive is damaged in the object store: its SHA-256 is not the one that was kept", part)}
		}
		return errors.New("a part came with another SHA-256 than it was sent with")
	})
	return buffer, err
}

// getOnce appends what is missing of a part to have.
func (s *Store) getOnce(ctx context.Context, address string, size int64, have []byte) ([]byte, error) {
	ctx, tick, done := stall(ctx, s.cfg.Stall)
	defer done()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return have, permanent{core.Errorf(core.CodeInternal, "an address to fetch from cannot be used: %v", hideURL(err))}
	}
	if len(have) > 0 {
		request.Header.Set("Range", "bytes="+strconv.Itoa(len(have))+"-")
	}
	response, err := s.http.Do(request)
	if err != nil {
		return have, hideURL(because(ctx, err))
	}
	defer finish(response)
	switch response.StatusCode {
	case http.StatusOK:
		have = have[:0] // the whole, whatever was asked for
	case http.StatusPartialContent:
		if !continues(response, len(have)) {
			return have[:0], errors.New("it answered with another range than was asked for")
		}
	default:
		return have, fmt.Errorf("it answered %d", response.StatusCode)
	}
	missing := int(size) - len(have)
	n, err := io.ReadFull(ticking{response.Body, tick}, have[len(have):][:missing])
	have = have[:len(have)+n]
	if err != nil {
		return have, fmt.Errorf("it sent %d of %d bytes: %w", len(have), size, because(ctx, err))
	}
	return have, nil
}

// continues tells whether a partial answer begins where we are.
func continues(response *http.Response, at int) bool {
	var from int
	_, err := fmt.Sscanf(response.Header.Get("Content-Range"), "bytes %d-", &from)
	return err == nil && from == at
}

// finish lets the connection be used again, when little is left to read.
func finish(response *http.Response) {
	io.CopyN(io.Discard, response.Body, 4<<10)
	response.Body.Close()
}

// because puts the reason of a context's end in the place of its "canceled".
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// hideURL takes the address out of an error of net/http: it is signed, and
// whoever reads it in a log could use it.
func hideURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

func digestOf(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}
