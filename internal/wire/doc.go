// Package wire is the door of an MCP server: it turns HTTP requests, and lines of a client that has
// started the process, into exchanges, hands each to the application behind it, and writes what
// comes back, as one JSON message, as events or as lines.
//
// It knows no spec, no step and no database, because it can import none of them. What the guards
// refuse has cost no look at a token by the middlewares behind them, and the application answers no
// message before its wire is negotiated; door_test.go holds both.
//
// # One message
//
// The files follow a request:
//
//	http.go      takes it: the verbs, bodies and replies with their time; all of net/http is here.
//	             request.go takes what carries no message, as REST
//	guard.go     refuses what needs no identity to be refused: hosts, origins, media types
//	load.go      counts who is inside, and ends everybody at a shutdown
//	body.go      reads a body, at most so many bytes before and after decompression
//	exchange.go  serves the message from there to the application
//	wire.go      tells which wire it is on; modern.go and dated.go are the two, with their versions
//	refusal.go   what the door itself says to a client
//	mirror.go    compares headers with the body, param.go those of arguments
//	session.go   the sessions of dated clients, and which version each has
//	cancel.go    begins and ends what a client or a shutdown can stop
//	reply.go     writes results and errors in the form of the wire
//	notifier.go  sends notifications before the reply, which turns it into an event stream
//
// # Another transport
//
// An [Exchange] knows its client as a peer, an interface of a few methods. http.go has the one for
// net/http, stdio.go the one for lines, where each request stands for itself too: it has a context
// that a message ends, as that of an HTTP request ends with its connection. inputline.go reads a
// line, and finds the id of one that is too long to be kept.
package wire
