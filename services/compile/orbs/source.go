// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// digestOf names a source.
func digestOf(source string) string {
	sum := sha256.Sum256([]byte(source))
	return hex.EncodeToString(sum[:])
}

// Bounds of the sources kept in memory: 32 MiB at most. A larger source is read
// each time.
const (
	cachedSources = 256
	cachedBytes   = 128 << 10
)

// sourceCache keeps sources that were used lately. What a digest names never
// changes, so nothing in it can be out of date; whether the asker may have it is
// decided before.
type sourceCache struct{ byDigest *lru.Cache[string, string] }

func newSourceCache() *sourceCache {
	cache, err := lru.New[string, string](cachedSources)
	if err != nil {
		panic(err) // the size is a constant above zero
	}
	return &sourceCache{cache}
}

func (c *sourceCache) add(digest, source string) {
	if len(source) <= cachedBytes {
		c.byDigest.Add(digest, source)
	}
}

// source returns what a digest names, CodeNotFound when it is gone.
func (s *Service) source(ctx context.Context, digest string) (string, error) {
	if source, ok := s.sources.byDigest.Get(digest); ok {
		return source, nil
	}
	var packed []byte
	err := s.deps.DB.NewSelect().Model((*sourceRow)(nil)).Column("packed").Where("digest = ?", digest).Scan(ctx, &packed)
	if errors.Is(err, sql.ErrNoRows) {
		return "", core.Errorf(core.CodeNotFound, "The source %s is no longer kept.", digest)
	}
	if err != nil {
		return "", fmt.Errorf("reading a source: %w", err)
	}
	source, err := unpack(packed)
	if err != nil {
		return "", fmt.Errorf("unpacking the source %s: %w", digest, err)
	}
	if digestOf(source) != digest {
		return "", fmt.Errorf("the source %s is damaged: its content has another digest", digest)
	}
	s.sources.add(digest, source)
	return source, nil
}

// putSource stores a source and returns its digest. Writing used_at also when
// the source is there takes the row's lock: sweep cannot remove the source
// between this and the row that refers to it.
func (s *Service) putSource(ctx context.Context, tx bun.Tx, source string) (string, error) {
	packed, err := pack(source)
	if err != nil {
		return "", err
	}
	row := &sourceRow{Digest: digestOf(source), Packed: packed, UsedAt: s.now()}
	_, err = tx.NewInsert().Model(row).On("CONFLICT (digest) DO UPDATE").Set("used_at = EXCLUDED.used_at").Exec(ctx)
	if err != nil {
		return "", fmt.Errorf("storing a source: %w", err)
	}
	return row.Digest, nil
}

func pack(source string) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, source)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("packing a source: %w", err)
	}
	return out.Bytes(), nil
}

// maxUnpacked is above the most that max_source_bytes may say.
const maxUnpacked = 16<<20 + 1

func unpack(packed []byte) (string, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	source, err := io.ReadAll(io.LimitReader(r, maxUnpacked))
	if err := errors.Join(err, r.Close()); err != nil {
		return "", err
	}
	return string(source), nil
}
