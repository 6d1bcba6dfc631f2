// SPDX-License-Identifier: MPL-2.0

package store

import (
	"fmt"
	"strings"
	"text/template"
)

// workColumns are the columns of work.Item; a test there holds the two
// together.
const workColumns = `id TEXT PRIMARY KEY,
	due_at BIGINT,
	due_seq BIGINT NOT NULL DEFAULT 0,
	lease_until BIGINT,
	lease_owner TEXT NOT NULL DEFAULT '',
	tries INTEGER NOT NULL DEFAULT 0,
	last_error TEXT NOT NULL DEFAULT '',
	set_aside BOOLEAN NOT NULL DEFAULT FALSE`

// workIndex holds only rows that wait, that are leased, and that were set
// aside: a table of a million finished rows costs a look for work nothing. The
// conditions must stay word for word those of internal/work, or SQLite does not
// see that an index serves them.
const workIndex = `CREATE INDEX %[1]s_due ON %[1]s (due_at) WHERE due_at IS NOT NULL AND lease_until IS NULL AND NOT set_aside;
CREATE INDEX %[1]s_leased ON %[1]s (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX %[1]s_set_aside ON %[1]s (id) WHERE set_aside;
`

// render fills in a migration and cuts it into statements.
func render(driver, name, text string) ([]string, error) {
	funcs := template.FuncMap{
		"bytes": func() string {
			if driver == Postgres {
				return "BYTEA"
			}
			return "BLOB"
		},
		"json_text": func(column, key string) string {
			if driver == Postgres {
				return fmt.Sprintf("CAST(%s AS JSONB) ->> '%s'", column, key)
			}
			return fmt.Sprintf("json_extract(%s, '$.%s')", column, key)
		},
		"work_columns": func() string { return workColumns },
		"work_index": func(table string) (string, error) {
			if !serviceName.MatchString(table) {
				return "", fmt.Errorf("%q cannot name a table with work: use lower-case letters, digits and _", table)
			}
			return fmt.Sprintf(workIndex, table), nil
		},
	}
	t, err := template.New(name).Funcs(funcs).Parse(text)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	if err := t.Execute(&b, nil); err != nil {
		return nil, err
	}
	return split(b.String()), nil
}

// split cuts at ";" at the end of a line. Lines that are comments go first,
// since a sentence in them may end with one too.
func split(text string) []string {
	var out []string
	var statement strings.Builder
	flush := func() {
		if s := strings.TrimSpace(statement.String()); s != "" {
			out = append(out, s)
		}
		statement.Reset()
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if strings.HasPrefix(strings.TrimSpace(line), "--") {
			continue
		}
		body, ends := strings.CutSuffix(line, ";")
		statement.WriteString(body + "\n")
		if ends {
			flush()
		}
	}
	flush()
	return out
}
