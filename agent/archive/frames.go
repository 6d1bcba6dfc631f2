// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"encoding/binary"

	"github.com/klauspost/compress/zstd"

	"github.com/muster-ci/muster/core"
)

// nextFrame returns the first zstd frame of p, whole, and what follows it. It
// reads the lengths of blocks and no content, so that frames can be
// decompressed side by side.
func nextFrame(p []byte) (frame, rest []byte, err error) {
	var header zstd.Header
	if err := header.Decode(p); err != nil {
		return nil, nil, damaged("it is not compressed with zstd: %v", err)
	}
	if header.Skippable {
		end := uint64(8) + uint64(header.SkippableSize)
		if end > uint64(len(p)) {
			return nil, nil, damaged("a frame is cut off")
		}
		return nextFrameAfter(p[end:])
	}
	if header.HasFCS && header.FrameContentSize > maxFrame {
		return nil, nil, damaged("a frame of %d bytes is too large", header.FrameContentSize)
	}
	at := header.HeaderSize
	for last := false; !last; {
		if at+3 > len(p) {
			return nil, nil, damaged("a frame is cut off")
		}
		block := uint32(p[at]) | uint32(binary.LittleEndian.Uint16(p[at+1:]))<<8
		last = block&1 != 0
		size := int(block >> 3)
		if block>>1&3 == 1 {
			size = 1 // one byte that is repeated
		}
		at += 3 + size
	}
	if header.HasCheckSum {
		at += 4
	}
	if at > len(p) {
		return nil, nil, damaged("a frame is cut off")
	}
	return p[:at], p[at:], nil
}

// nextFrameAfter goes on behind a frame that holds nothing for us.
func nextFrameAfter(p []byte) (frame, rest []byte, err error) {
	if len(p) == 0 {
		return nil, nil, nil
	}
	return nextFrame(p)
}

func damaged(format string, args ...any) error {
	return core.Errorf(core.CodeInvalid, "the archive is damaged: "+format, args...)
}
