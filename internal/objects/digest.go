// SPDX-License-Identifier: MPL-2.0

package objects

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"io"
	"strings"
)

var errDigest = errors.New("the object does not have the sha-256 that Content-Digest names")

// withDigest returns a reader that ends with errDigest instead of io.EOF when
// what it read is not what the header (RFC 9530) names. Without a sha-256 in it
// nothing is checked.
func withDigest(r io.Reader, header string) (io.Reader, error) {
	for member := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		if !strings.EqualFold(name, "sha-256") {
			continue
		}
		want, err := base64.StdEncoding.DecodeString(strings.Trim(value, ":"))
		if err != nil || len(want) != sha256.Size {
			return nil, errDigest
		}
		return &digestReader{r: r, sum: sha256.New(), want: want}, nil
	}
	return r, nil
}

type digestReader struct {
	r    io.Reader
	sum  hash.Hash
	want []byte
}

func (d *digestReader) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	d.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && !bytes.Equal(d.sum.Sum(nil), d.want) {
		err = errDigest
	}
	return n, err
}
