package wire

import (
	"fmt"
	"time"
)

// Refusal is what the door itself says to a client, as an error.
type Refusal struct {
	Status  int    // of HTTP; 0: 200
	Code    int    // of JSON-RPC
	Reason  string // one word for the log
	Message string
	Data    map[string]any
	// Internal is for the log alone.
	Internal error
}

func (r *Refusal) Error() string {
	if r.Internal != nil {
		return fmt.Sprintf("%d %s: %v", r.Code, r.Message, r.Internal)
	}
	return fmt.Sprintf("%d %s", r.Code, r.Message)
}

func (r *Refusal) Unwrap() error { return r.Internal }

// refuse makes a [Refusal]. reason is the one word by which an operator finds and counts such
// refusals in the log.
func refuse(status, code int, reason, message string) error {
	return &Refusal{Status: status, Code: code, Reason: reason, Message: message}
}

// The HTTP statuses of replies.
const (
	ok                   = 200
	badRequest           = 400
	forbidden            = 403
	notFound             = 404
	methodNotAllowed     = 405
	notAcceptable        = 406
	requestTimeout       = 408
	contentTooLarge      = 413
	unsupportedMediaType = 415
	internalServerError  = 500
	serviceUnavailable   = 503
)

// Failure is an error as the client is told of it.
type Failure struct {
	Status     int // of HTTP
	Code       int // of JSON-RPC
	Message    string
	Data       []byte // JSON, nil for none
	RetryAfter time.Duration
	// Hidden says that the client is not told what went wrong.
	Hidden bool
}
