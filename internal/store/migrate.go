// SPDX-License-Identifier: MPL-2.0

package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// migration is one file NNN_name.sql.
type migration struct {
	name       string
	checksum   string
	statements []string
}

// applied is a row of the table that says what was done to this database.
type applied struct {
	bun.BaseModel `bun:"table:muster_migrations"`

	Name      string `bun:"name,pk"`
	Checksum  string `bun:"checksum"`
	AppliedAt Time   `bun:"applied_at"`
}

const migrationsTable = `CREATE TABLE IF NOT EXISTS muster_migrations (
	name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)`

// Migrate brings the tables of the service to what the files NNN_name.sql at
// the root of migrations say, each file once, in order, forward only. All of it
// is one transaction: it is done whole or not at all, and any number of
// processes may call it at once; the later ones wait and find nothing to do.
//
// It refuses with CodeConflict when a file that was applied has changed since,
// or a new one sorts before one that was applied. Files applied by a newer
// version of the program are left alone, so that an update can be taken back.
//
// Files are text/template: {{bytes}} is the type of a byte string,
// {{work_columns}} and {{work_index "table"}} are what internal/work needs.
// A statement ends with ";" at the end of a line.
func (db *DB) Migrate(ctx context.Context, migrations fs.FS) error {
	files, err := db.readMigrations(migrations)
	if err != nil {
		return fmt.Errorf("reading the migrations of %s: %w", db.service, err)
	}
	err = db.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if db.driver == Postgres {
			if err := db.advisoryLock(ctx, tx); err != nil {
				return err
			}
		}
		return applyAll(ctx, tx, files)
	})
	if err != nil {
		return fmt.Errorf("migrating the tables of %s: %w", db.service, err)
	}
	return nil
}

// MigrateEmbedded does Migrate with the files of the folder migrations, which a
// service embeds.
func (db *DB) MigrateEmbedded(ctx context.Context, files embed.FS) error {
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		return fmt.Errorf("opening the migrations of %s: %w", db.service, err)
	}
	return db.Migrate(ctx, migrations)
}

func applyAll(ctx context.Context, tx bun.Tx, files []migration) error {
	if _, err := tx.ExecContext(ctx, migrationsTable); err != nil {
		return fmt.Errorf("making the table of migrations: %w", err)
	}
	var done []applied
	if err := tx.NewSelect().Model(&done).Order("name").Scan(ctx); err != nil {
		return fmt.Errorf("reading what was applied: %w", err)
	}
	todo, err := pending(files, done)
	if err != nil {
		return err
	}
	for _, m := range todo {
		if err := apply(ctx, tx, m); err != nil {
			return fmt.Errorf("applying %s: %w", m.name, err)
		}
	}
	return nil
}

// pending compares the program's files with the database's table.
func pending(files []migration, done []applied) ([]migration, error) {
	known := make(map[string]string, len(files))
	for _, m := range files {
		known[m.name] = m.checksum
	}
	last := ""
	seen := make(map[string]bool, len(done))
	for _, a := range done {
		sum, ok := known[a.Name]
		switch {
		case ok && sum != a.Checksum:
			return nil, core.Errorf(core.CodeConflict,
				"migration %s has changed since it was applied: put it back as it was, and make the change in a new file", a.Name)
		case ok:
			last = max(last, a.Name)
		case len(files) > 0 && a.Name < files[len(files)-1].name:
			// One of a newer version would sort after all that this one has.
			return nil, core.Errorf(core.CodeConflict, "migration %s was applied and is missing now: put it back", a.Name)
		}
		seen[a.Name] = true
	}
	var todo []migration
	for _, m := range files {
		switch {
		case seen[m.name]:
		case m.name < last:
			return nil, core.Errorf(core.CodeConflict, "migration %s sorts before %s, which was applied already: give it a higher number", m.name, last)
		default:
			todo = append(todo, m)
		}
	}
	return todo, nil
}

func apply(ctx context.Context, tx bun.Tx, m migration) error {
	for i, statement := range m.statements {
		// Past bun, which would look for "?" in it.
		if _, err := tx.Tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	row := applied{Name: m.name, Checksum: m.checksum, AppliedAt: At(time.Now())}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("noting it as applied: %w", err)
	}
	return nil
}

var migrationName = regexp.MustCompile(`^([0-9]{3})_[a-z0-9_]+\.sql$`)

// readMigrations returns the files in order. The checksum is that of the file
// and not of what the template makes of it, so it is one for both databases.
func (db *DB) readMigrations(fsys fs.FS) ([]migration, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	var out []migration
	numbers := make(map[string]string)
	for _, e := range entries {
		match := migrationName.FindStringSubmatch(e.Name())
		if match == nil {
			return nil, core.Errorf(core.CodeInvalid, "%s is not named NNN_name.sql", e.Name())
		}
		if other := numbers[match[1]]; other != "" {
			return nil, core.Errorf(core.CodeInvalid, "%s and %s have the same number", other, e.Name())
		}
		numbers[match[1]] = e.Name()
		text, err := fs.ReadFile(fsys, e.Name())
		if err != nil {
			return nil, err
		}
		statements, err := render(db.driver, e.Name(), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		sum := sha256.Sum256(text)
		out = append(out, migration{name: e.Name(), checksum: hex.EncodeToString(sum[:]), statements: statements})
	}
	slices.SortFunc(out, func(a, b migration) int { return cmp.Compare(a.name, b.name) })
	return out, nil
}
