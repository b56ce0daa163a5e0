// Package stdio tests a server in a process of its own, started by the official clients as their
// users start it. run.sh does the same with those that need Node.js.
package stdio
