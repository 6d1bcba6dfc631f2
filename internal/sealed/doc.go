// SPDX-License-Identifier: MPL-2.0

// Package sealed encrypts the parts of an archive, so that what lies in an
// object store is of no use to whoever reads the store, and a change of it is
// noticed.
//
// A part is cut into segments of 256 KiB, the last of which may be shorter and
// is empty only in an empty part. Each is sealed with AES-256-GCM and followed
// by its tag of 16 bytes, so that a range of a part can be opened without the
// rest of it. The nonce of a segment is its place: the number of the part (4
// bytes, big-endian) and of the segment in it (8 bytes). The additional data is
// one byte that says whether the segment is the part's last. A segment that was
// moved, exchanged with another part's, or cut off is therefore refused.
//
// Nonces are places, so a key belongs to one archive, and a part of it is sealed
// once: two different plain texts of one part under one key would betray both.
// Sending the same sealed bytes again is no danger.
package sealed
