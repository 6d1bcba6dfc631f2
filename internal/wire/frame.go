// SPDX-License-Identifier: MPL-2.0

package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// ContentType is the media type of a body of frames. The body may be
// compressed with zstd, which Content-Encoding says.
const ContentType = "application/vnd.muster.frames"

// Limits of one request; a receiver refuses more before it reads it.
const (
	MaxFrame   = 1 << 20        // bytes of payload in one frame
	MaxRequest = 4 << 20        // bytes of a decompressed body
	MaxStreams = 10_000         // streams of one attempt
	MaxStream  = int64(1) << 40 // bytes of one stream
)

// EventStream is the number of the stream that holds events.
const EventStream = 0

// StepStream returns the number of the stream that holds a step's output.
func StepStream(step int) int { return step + 1 }

// Frame is a run of bytes of one stream.
type Frame struct {
	Stream int
	Offset int64
	Data   []byte
}

// ErrFrame is wrapped by every error about bytes that are no frame.
var ErrFrame = errors.New("malformed frame")

// castagnoli is the polynomial with hardware support on amd64 and arm64.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendFrame appends the encoding of f to b: uvarints of stream, offset and
// length, the bytes, and the little-endian CRC-32C of all that.
func AppendFrame(b []byte, f Frame) []byte {
	start := len(b)
	b = binary.AppendUvarint(b, uint64(f.Stream))
	b = binary.AppendUvarint(b, uint64(f.Offset))
	b = binary.AppendUvarint(b, uint64(len(f.Data)))
	b = append(b, f.Data...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// Decoder reads frames from a body that nobody vouches for.
type Decoder struct {
	// Admit, when there is one, is asked before the bytes of a frame are read:
	// size is that of all payloads so far, this one included. Its error ends the
	// body.
	Admit func(size int64) error

	r    *bufio.Reader
	left int64
	size int64
	head []byte
	data []byte
}

// NewDecoder reads from r, MaxRequest bytes at most.
func NewDecoder(r io.Reader) *Decoder {
	return &Decoder{r: bufio.NewReaderSize(r, 64<<10), left: MaxRequest}
}

// Reset makes the decoder read another body; it keeps its buffers and nothing
// else.
func (d *Decoder) Reset(r io.Reader) {
	d.r.Reset(r)
	*d = Decoder{r: d.r, left: MaxRequest, head: d.head[:0], data: d.data[:0]}
}

// Next returns the next frame, whose Data is valid until the call after it.
// io.EOF means a clean end; anything else wraps ErrFrame or is the reader's.
func (d *Decoder) Next() (Frame, error) {
	d.head = d.head[:0]
	stream, err := d.uvarint(MaxStreams)
	if err != nil {
		if errors.Is(err, io.EOF) && len(d.head) == 0 {
			return Frame{}, io.EOF
		}
		return Frame{}, truncated(err)
	}
	offset, err := d.uvarint(uint64(MaxStream))
	if err != nil {
		return Frame{}, truncated(err)
	}
	length, err := d.uvarint(MaxFrame)
	if err != nil {
		return Frame{}, truncated(err)
	}
	if err := d.payload(int(length)); err != nil {
		return Frame{}, truncated(err)
	}
	return Frame{Stream: int(stream), Offset: int64(offset), Data: d.data}, nil
}

// payload reads the bytes and their checksum, which covers the head too.
func (d *Decoder) payload(length int) error {
	if d.left -= int64(length) + 4; d.left < 0 {
		return fmt.Errorf("%w: more than %d bytes in a request", ErrFrame, MaxRequest)
	}
	d.size += int64(length)
	if d.Admit != nil {
		if err := d.Admit(d.size); err != nil {
			return err
		}
	}
	if cap(d.data) < length {
		d.data = make([]byte, length)
	}
	d.data = d.data[:length]
	if _, err := io.ReadFull(d.r, d.data); err != nil {
		return err
	}
	var sum [4]byte
	if _, err := io.ReadFull(d.r, sum[:]); err != nil {
		return err
	}
	want := crc32.Update(crc32.Checksum(d.head, castagnoli), castagnoli, d.data)
	if binary.LittleEndian.Uint32(sum[:]) != want {
		return fmt.Errorf("%w: checksum differs", ErrFrame)
	}
	return nil
}

// uvarint reads one number of at most limit, keeping its bytes for the checksum.
func (d *Decoder) uvarint(limit uint64) (uint64, error) {
	var value uint64
	for shift := uint(0); ; shift += 7 {
		b, err := d.r.ReadByte()
		if err != nil {
			return 0, err
		}
		d.head = append(d.head, b)
		d.left--
		if shift > 56 {
			return 0, fmt.Errorf("%w: number too long", ErrFrame)
		}
		value |= uint64(b&0x7f) << shift
		if b < 0x80 {
			break
		}
	}
	if value > limit {
		return 0, fmt.Errorf("%w: %d is over the limit of %d", ErrFrame, value, limit)
	}
	return value, nil
}

// truncated names an end in the middle of a frame for what it is.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the body ends inside a frame", ErrFrame)
	}
	return err
}
