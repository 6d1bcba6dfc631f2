// SPDX-License-Identifier: MPL-2.0

package store

import (
	"regexp"

	"github.com/muster-ci/muster/core"
)

// The values of Config.Driver.
const (
	Postgres = "postgres"
	SQLite   = "sqlite"
)

// Config says where the tables of services are kept.
type Config struct {
	// Driver is "postgres" or "sqlite". Default: "sqlite".
	Driver string `hcl:"driver,optional"`

	// DSN is a PostgreSQL URL, or for SQLite the folder that holds one file per
	// service. Default: for SQLite a private folder that Close removes.
	DSN string `hcl:"dsn,optional"`

	// MaxConns bounds the connections of one service to the database. The
	// default suits nine services with two connections each to spare under
	// PostgreSQL's own default of 100. Default: 8.
	MaxConns int `hcl:"max_conns,optional"`

	// LargeRows says that most bytes of the tables stand in rows of many KiB, as
	// output's do. A new SQLite file then gets pages of 16 KiB, so that a row is
	// few frames of the journal (larger ones make a small commit dear), and is folded back every 64 MiB, so that one
	// commit does not write the last one's pages again. No configuration key: it
	// is the service that knows.
	LargeRows bool

	// SkipSync leaves out fsync on SQLite: a power cut may lose what was
	// committed. For tests; it has no configuration key on purpose.
	SkipSync bool
}

// Default returns the configuration of the embedded mode.
func Default() Config { return Config{Driver: SQLite, MaxConns: 8} }

// maxConnsLimit keeps a slip of the finger from asking for more connections
// than any PostgreSQL has.
const maxConnsLimit = 500

// Validate tells what is wrong with c in words for the operator.
func (c Config) Validate() error {
	switch {
	case c.Driver != Postgres && c.Driver != SQLite:
		return core.Errorf(core.CodeInvalid, "store driver %q is not known: use %q or %q", c.Driver, Postgres, SQLite)
	case c.Driver == Postgres && c.DSN == "":
		return core.Errorf(core.CodeInvalid, "store driver %q needs a dsn, such as postgres://user@host:5432/muster", Postgres)
	case c.MaxConns < 1 || c.MaxConns > maxConnsLimit:
		return core.Errorf(core.CodeInvalid, "store max_conns is %d: use 1 to %d", c.MaxConns, maxConnsLimit)
	default:
		return nil
	}
}

func (c Config) withDefaults() Config {
	if c.Driver == "" {
		c.Driver = SQLite
	}
	if c.MaxConns == 0 {
		c.MaxConns = Default().MaxConns
	}
	return c
}

// serviceName is what may become a schema or a file name without quoting.
var serviceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
