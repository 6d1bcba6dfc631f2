// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/klauspost/compress/s2"
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

const (
	// maxChunk is where output is cut into rows, and pieces of the object are.
	maxChunk = 256 << 10
	// window is the most that a reader gets out of the store at once, and glance
	// what it gets when it is slow or when many want much: so much each of them
	// keeps in memory.
	window = 1 << 20
	glance = 64 << 10
	// maxStatement is how many bytes of output go to PostgreSQL in one statement,
	// whose text is twice as long and is copied.
	maxStatement = 4 << 20
)

// body is the bytes of a chunk as they are stored.
type body struct {
	packed bool
	data   []byte
}

// pack compresses when that saves an eighth; small writes mostly do not. It is
// S2 here and not zstd: a task waits for this, and the sealer compresses better
// minutes later. The result may lie in room.
func pack(room, data []byte) body {
	if len(data) < 256 {
		return body{false, data}
	}
	packed := s2.Encode(room, data)
	if len(packed) > len(data)-len(data)/8 {
		return body{false, data}
	}
	return body{true, packed}
}

// unpack returns the bytes of a chunk, which must be size. They may lie in room.
func (b body) unpack(room []byte, size int) ([]byte, error) {
	data := b.data
	if b.packed {
		var err error
		if data, err = s2.Decode(room, b.data); err != nil {
			return nil, fmt.Errorf("decompressing output: %w", err)
		}
	}
	if len(data) != size {
		return nil, fmt.Errorf("stored output has %d bytes where %d were written", len(data), size)
	}
	return data, nil
}

// chunkRow is kept apart from bun: on the way in its cost is the service's.
type chunkRow struct {
	attempt core.AttemptID
	stream  int
	start   int64
	size    int
	body    body
}

// insertChunks writes rows. SQLite gets them through one prepared statement,
// as blobs; PostgreSQL, where each statement is a round trip, as one text.
func (s *Service) insertChunks(ctx context.Context, tx bun.Tx, rows []chunkRow) error {
	if len(rows) == 0 {
		return nil
	}
	var err error
	if s.deps.DB.Driver() == store.SQLite {
		err = insertBlobs(ctx, tx, rows)
	} else {
		err = insertTexts(ctx, tx, rows)
	}
	if err != nil {
		return fmt.Errorf("writing chunks: %w", err)
	}
	return nil
}

const insertChunk = "INSERT INTO chunks (attempt_id, stream, start, size, packed, data) VALUES "

func insertBlobs(ctx context.Context, tx bun.Tx, rows []chunkRow) error {
	statement, err := tx.Tx.PrepareContext(ctx, insertChunk+"(?, ?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	defer statement.Close()
	for _, r := range rows {
		if _, err := statement.ExecContext(ctx, string(r.attempt), r.stream, r.start, r.size, r.body.packed, r.body.data); err != nil {
			return err
		}
	}
	return nil
}

func insertTexts(ctx context.Context, tx bun.Tx, rows []chunkRow) error {
	for len(rows) > 0 {
		n, size := 0, 0
		for n < len(rows) && (n == 0 || size+len(rows[n].body.data) <= maxStatement) {
			size += len(rows[n].body.data)
			n++
		}
		if _, err := tx.Tx.ExecContext(ctx, chunksText(rows[:n])); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// chunksText writes the statement with bytes in hexadecimal. Ids come from
// tokens and were checked when claimed, so that no quote can be in one.
func chunksText(rows []chunkRow) string {
	total := len(insertChunk)
	for _, r := range rows {
		total += 2*len(r.body.data) + 120
	}
	var b strings.Builder
	b.Grow(total)
	b.WriteString(insertChunk)
	for i, r := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("('" + strings.ReplaceAll(string(r.attempt), "'", "''") + "'," + strconv.Itoa(r.stream) + "," +
			strconv.FormatInt(r.start, 10) + "," + strconv.Itoa(r.size) + "," + strconv.FormatBool(r.body.packed) + `,'\x`)
		_, _ = hex.NewEncoder(&b).Write(r.body.data) // a Builder takes everything
		b.WriteString("')")
	}
	return b.String()
}

// storedChunk is a row as it is read.
type storedChunk struct {
	Start  int64
	Size   int
	Packed bool
	Data   []byte
}

// readChunks returns the bytes of a stream from offset on, most of them at most
// and none when there are no chunks there (yet, or any more).
func (s *Service) readChunks(ctx context.Context, id core.AttemptID, stream int, offset int64, most int) ([]byte, error) {
	var rows []storedChunk
	db := s.deps.DB
	// The chunk that holds offset is the last one that begins at or before it.
	first := db.NewSelect().TableExpr("chunks").ColumnExpr("MAX(start)").
		Where("attempt_id = ?", id).Where("stream = ?", stream).Where("start <= ?", offset)
	err := db.NewSelect().TableExpr("chunks").Column("start", "size", "packed", "data").
		Where("attempt_id = ?", id).Where("stream = ?", stream).
		Where("start >= (?)", first).Where("start < ?", offset+int64(most)).Where("start + size > ?", offset).
		Order("start").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("reading chunks: %w", err)
	}
	return joinChunks(rows, offset, most)
}

// joinChunks puts the bytes of neighbours together. What it returns takes no
// more memory than its length.
func joinChunks(rows []storedChunk, offset int64, most int) ([]byte, error) {
	total := 0
	for _, r := range rows {
		total += r.Size
	}
	out := make([]byte, 0, total)
	for _, r := range rows {
		data, err := body{r.Packed, r.Data}.unpack(out[len(out):cap(out)], r.Size)
		if err != nil {
			return nil, err
		}
		skip := offset + int64(len(out)) - r.Start
		if skip >= int64(len(data)) {
			continue
		}
		if skip < 0 {
			// The chunks before were deleted under us: the caller finds the
			// bytes in the object.
			break
		}
		out = append(out, data[skip:]...)
	}
	if len(out) > most {
		out = out[:most]
	}
	if cap(out)-len(out) > most/8 {
		out = append([]byte(nil), out...)
	}
	return out, nil
}
