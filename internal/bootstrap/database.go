// SPDX-License-Identifier: MPL-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// prepareDatabase makes one role per service. A role may make its own schema in
// the database and reach nothing of the others: law 3 of the design, kept by
// PostgreSQL.
func prepareDatabase(ctx context.Context, c Config) error {
	if c.VaultAddress == "" {
		return errors.New("the roles' passwords are kept in Vault: give its address too")
	}
	client, err := newVault(c)
	if err != nil {
		return err
	}
	db, err := pgx.Connect(ctx, c.DatabaseURL)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer db.Close(context.WithoutCancel(ctx))
	database := pgx.Identifier{db.Config().Database}.Sanitize()
	if _, err := db.Exec(ctx, "REVOKE ALL ON SCHEMA public FROM PUBLIC"); err != nil {
		return fmt.Errorf("closing the public schema: %w", err)
	}
	for _, service := range c.Tables {
		secret, err := credential(ctx, c, client, "services/"+service+"/database", "muster_"+service)
		if err != nil {
			return err
		}
		if err := role(ctx, db, database, "muster_"+service, secret); err != nil {
			return fmt.Errorf("preparing the role of %s: %w", service, err)
		}
		c.say("database  role muster_%s", service)
	}
	return nil
}

// role creates a role or sets its password, and lets it make schemas. The
// password is ours (base32), so quoting it is enough; DDL takes no parameters.
func role(ctx context.Context, db *pgx.Conn, database, name, secret string) error {
	var exists bool
	if err := db.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", name).Scan(&exists); err != nil {
		return fmt.Errorf("looking for the role: %w", err)
	}
	verb := "CREATE"
	if exists {
		verb = "ALTER"
	}
	quoted := pgx.Identifier{name}.Sanitize()
	for _, statement := range []string{
		fmt.Sprintf("%s ROLE %s LOGIN PASSWORD '%s'", verb, quoted, secret),
		fmt.Sprintf("GRANT CONNECT, CREATE ON DATABASE %s TO %s", database, quoted),
	} {
		if _, err := db.Exec(ctx, statement); err != nil {
			return fmt.Errorf("altering the role: %w", err)
		}
	}
	return nil
}
