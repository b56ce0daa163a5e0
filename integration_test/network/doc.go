// Package network attacks a server through its connections: bodies that do not come, replies that
// are not read, clients that leave at every moment, floods of sessions. Others must be answered
// meanwhile, and afterwards nothing of it may be left: no place, no goroutine, no memory.
package network
