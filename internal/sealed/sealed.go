// SPDX-License-Identifier: MPL-2.0

package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math"
	"slices"

	"github.com/muster-ci/muster/core"
)

const (
	// Segment is the number of plain bytes that are sealed together.
	Segment = 256 << 10
	// KeySize is the length of a key.
	KeySize = 32

	tagSize = 16
	block   = Segment + tagSize // of a whole segment as it lies in the store
)

// Box seals and opens the parts of one archive. Several goroutines may use it.
type Box struct {
	aead cipher.AEAD
}

// New returns the Box of a key of KeySize bytes.
func New(key []byte) (*Box, error) {
	if len(key) != KeySize {
		return nil, core.Errorf(core.CodeInvalid, "the key of an archive has %d bytes and not %d", len(key), KeySize)
	}
	cipherBlock, err := aes.NewCipher(key)
	if err != nil {
		return nil, core.Errorf(core.CodeInternal, "preparing the cipher of an archive: %w", err)
	}
	aead, err := cipher.NewGCM(cipherBlock)
	if err != nil {
		return nil, core.Errorf(core.CodeInternal, "preparing the cipher of an archive: %w", err)
	}
	return &Box{aead: aead}, nil
}

// Size is how long a part of so many plain bytes is when it is sealed.
func Size(plain int64) int64 {
	return plain + segments(plain)*tagSize
}

// PlainSize is how many plain bytes a sealed part holds. It refuses a length
// that no sealed part has.
func PlainSize(sealed int64) (int64, error) {
	full, rest := sealed/block, sealed%block
	if sealed < tagSize || (rest > 0 && rest < tagSize) || (full > 0 && rest == tagSize) {
		return 0, damaged("its length, %d, is none that a part can have", sealed)
	}
	plain := full * Segment
	if rest > 0 {
		plain += rest - tagSize
	}
	return plain, nil
}

// segments is how many segments so many plain bytes take.
func segments(plain int64) int64 {
	return max(1, (plain+Segment-1)/Segment)
}

// Seal appends a part, sealed, to dst, which must not overlap plain. It grows
// dst at most once.
func (b *Box) Seal(dst []byte, part int, plain []byte) []byte {
	checkPart(part)
	dst = slices.Grow(dst, int(Size(int64(len(plain)))))
	for segment := int64(0); ; segment++ {
		piece := plain[:min(Segment, len(plain))]
		plain = plain[len(piece):]
		last := len(plain) == 0
		dst = b.aead.Seal(dst, nonce(part, segment), piece, about(last))
		if last {
			return dst
		}
	}
}

// Open appends the plain bytes of a whole sealed part to dst, which must not
// overlap sealed. An error leaves dst as it was and tells nothing of the part's
// content.
func (b *Box) Open(dst []byte, part int, sealed []byte) ([]byte, error) {
	checkPart(part)
	plain, err := PlainSize(int64(len(sealed)))
	if err != nil {
		return dst, err
	}
	out := slices.Grow(dst, int(plain))
	for segment := int64(0); len(sealed) > 0; segment++ {
		piece := sealed[:min(block, len(sealed))]
		sealed = sealed[len(piece):]
		out, err = b.aead.Open(out, nonce(part, segment), piece, about(len(sealed) == 0))
		if err != nil {
			return dst, damaged("segment %d of part %d is not what was sealed", segment, part)
		}
	}
	return out, nil
}

// OpenInPlace does what Open does and puts the plain bytes where the sealed part
// was, so that it takes no other memory. An error leaves nothing of use there.
func (b *Box) OpenInPlace(part int, sealed []byte) ([]byte, error) {
	checkPart(part)
	if _, err := PlainSize(int64(len(sealed))); err != nil {
		return nil, err
	}
	out := sealed[:0]
	for segment, rest := int64(0), sealed; len(rest) > 0; segment++ {
		piece := rest[:min(block, len(rest))]
		rest = rest[len(piece):]
		plain, err := b.aead.Open(piece[:0], nonce(part, segment), piece, about(len(rest) == 0))
		if err != nil {
			clear(out)
			return nil, damaged("segment %d of part %d is not what was sealed", segment, part)
		}
		out = append(out, plain...) // to the left of it, by the tags so far
	}
	return out, nil
}

func nonce(part int, segment int64) []byte {
	var n [12]byte
	binary.BigEndian.PutUint32(n[:], uint32(part))
	binary.BigEndian.PutUint64(n[4:], uint64(segment))
	return n[:]
}

// about is the additional data of a segment.
func about(last bool) []byte {
	if last {
		return []byte{1}
	}
	return []byte{0}
}

// checkPart guards against a nonce that wraps around, which no archive that
// keeps to its limits can reach.
func checkPart(part int) {
	if part < 0 || part > math.MaxUint32 {
		panic("sealed: a part's number does not fit its nonce")
	}
}

func damaged(format string, args ...any) error {
	return core.Errorf(core.CodeInvalid, "the part is damaged: "+format, args...)
}
