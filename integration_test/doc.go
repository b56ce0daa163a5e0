// Package integration holds the tests of the whole: the invoicing example over real HTTP with its
// database on disk, driven by the official Go client and by hand-written requests, and the rules of
// the repository.
package integration
