// Package store holds the small interfaces behind which lives everything that the replicas of a
// server must share, and their in-memory forms for a single process. Every method takes the context
// first, and every implementation is safe for concurrent use.
package store
