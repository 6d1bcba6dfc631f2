// SPDX-License-Identifier: MPL-2.0

// Package store opens the database of one service: a schema in PostgreSQL on a
// cluster, a SQLite file when everything runs embedded. Queries are written
// once, with bun, and run on both; internal/store/storetest runs the tests of a
// service on both.
//
// What differs between the two and therefore must not be leant on:
//
//   - SQLite has one writer. Selects run beside it on connections of their own
//     and see what was committed before they began; everything else, raw
//     statements included, waits for the one writing connection. Inside Tx use
//     the tx and nothing but the tx: writing through the DB there waits for
//     itself, and is answered with an error instead.
//   - PostgreSQL runs transactions side by side at READ COMMITTED. Lock rows
//     (.For("UPDATE")) or make the statement conditional where two may meet;
//     see ForUpdate.
//
// Times are BIGINT microseconds (Time), structured values are TEXT (JSON), so
// that rows read the same in both.
package store
