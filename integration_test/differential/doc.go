// Package differential compares lists with a naive reference: random tables, rows, filters, orders,
// pages and narrowings on SQLite, PostgreSQL and MariaDB, each walked to its end and held against a
// sort and a filter written in Go. Every walk must give each row of the reference exactly once and
// in its order.
//
// It runs 20 seconds for each database, 2 with -short, and DIFFERENTIAL_TIME (a Go duration) when
// that is set. A failure prints the DIFFERENTIAL_SEED with which it comes at once.
package differential
