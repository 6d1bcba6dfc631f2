// SPDX-License-Identifier: MPL-2.0

package gitbundle

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/muster-ci/muster/core"
)

// Bundle is the head of a bundle: what it can be asked for.
type Bundle struct {
	// Refs are the names that the bundle carries, such as "refs/heads/main",
	// and mostly "HEAD".
	Refs map[string]plumbing.Hash
	// Prerequisites are commits that whoever unbundles must have already.
	Prerequisites []plumbing.Hash
}

// Limits of the head: a repository with a hundred thousand refs fits.
const (
	maxHeadBytes = 16 << 20
	maxLine      = 8 << 10
)

// Open reads a bundle and puts its objects into s. Nothing is stored when an
// error comes back before the pack was checked. Refs are returned, not stored:
// which of them become a repository's is the caller's choice.
//
// A text that is no bundle, one that needs commits which s does not have, and
// one beyond the limits are CodeInvalid with a sentence for the user; a reader
// that fails gives its own error.
func Open(ctx context.Context, r io.Reader, s storer.Storer, limits Limits) (*Bundle, error) {
	in := bufio.NewReaderSize(contextReader{ctx, r}, 64<<10)
	b, err := ReadHead(in)
	if err != nil {
		return nil, err
	}
	for _, hash := range b.Prerequisites {
		if s.HasEncodedObject(hash) != nil {
			return nil, core.Errorf(core.CodeInvalid,
				"the bundle leaves out history before commit %s; make it with `git bundle create file HEAD`, without a range", hash)
		}
	}
	if err := Unpack(ctx, in, s, limits); err != nil {
		return nil, fmt.Errorf("unpacking the bundle: %w", err)
	}
	return b, nil
}

// ReadHead reads a bundle up to its pack, which is what r returns next.
func ReadHead(r *bufio.Reader) (*Bundle, error) {
	b := &Bundle{Refs: map[string]plumbing.Hash{}}
	read := 0
	first, err := headLine(r, &read)
	if err != nil {
		return nil, err
	}
	version3 := first == "# v3 git bundle"
	if !version3 && first != "# v2 git bundle" {
		return nil, core.Errorf(core.CodeInvalid, "this is not a git bundle; make one with `git bundle create file HEAD`")
	}
	for {
		line, err := headLine(r, &read)
		switch {
		case err != nil:
			return nil, err
		case line == "":
			return b, nil
		case version3 && strings.HasPrefix(line, "@"):
			err = capability(line[1:])
		case strings.HasPrefix(line, "-"):
			err = b.prerequisite(line[1:])
		default:
			err = b.ref(line)
		}
		if err != nil {
			return nil, err
		}
	}
}

// headLine reads one line without its break.
func headLine(r *bufio.Reader, read *int) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		*read += len(part)
		switch {
		case len(line) > maxLine || *read > maxHeadBytes:
			return "", core.Errorf(core.CodeInvalid, "this is not a git bundle, or its head is longer than %d bytes", maxHeadBytes)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			return "", core.Errorf(core.CodeInvalid, "the bundle ends in its head; it was not uploaded whole")
		case err != nil:
			return "", fmt.Errorf("reading the bundle: %w", err)
		}
		return string(line[:len(line)-1]), nil
	}
}

func capability(text string) error {
	switch {
	case text == "object-format=sha1":
		return nil
	case strings.HasPrefix(text, "object-format="):
		return core.Errorf(core.CodeInvalid, "the repository uses the object format %q; only sha1 is supported", strings.TrimPrefix(text, "object-format="))
	case strings.HasPrefix(text, "filter="):
		return core.Errorf(core.CodeInvalid, "the bundle was made with a filter and lacks files; make it without --filter")
	default:
		return core.Errorf(core.CodeInvalid, "the bundle needs the capability %q, which is not supported", text)
	}
}

func (b *Bundle) prerequisite(text string) error {
	hash, _, _ := strings.Cut(text, " ")
	if !plumbing.IsHash(hash) {
		return core.Errorf(core.CodeInvalid, "the bundle's head is damaged: %q is not a commit", hash)
	}
	b.Prerequisites = append(b.Prerequisites, plumbing.NewHash(hash))
	return nil
}

func (b *Bundle) ref(text string) error {
	hash, name, ok := strings.Cut(text, " ")
	if !ok || len(hash) != 40 || !plumbing.IsHash(hash) || name == "" {
		return core.Errorf(core.CodeInvalid, "the bundle's head is damaged: %q is not a reference", text)
	}
	b.Refs[name] = plumbing.NewHash(hash)
	return nil
}

// contextReader ends with its context, so that a slow sender holds nobody.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
