package mcpecho

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/caught"
	"github.com/mcpecho/kit/internal/dberror"
	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/wire"
)

// Error is a protocol error: the client gets it as a JSON-RPC error instead of a tool result.
// Models rarely see these; for what a model should read and correct, return [Errorf].
type Error struct {
	// Code is the JSON-RPC code. Codes of an application are HTTP status numbers (403, 409); 401
	// and 403 also become the HTTP status. The ranges -32768..-32000 belong to JSON-RPC and MCP.
	Code int
	// Message is sent to the client.
	Message string
	// Data, optional, is sent to the client as JSON.
	Data any
	// Internal, optional, is only logged.
	Internal error
}

func (e *Error) Error() string {
	if e.Internal != nil {
		return fmt.Sprintf("%d %s: %v", e.Code, e.Message, e.Internal)
	}
	return fmt.Sprintf("%d %s", e.Code, e.Message)
}

func (e *Error) Unwrap() error { return e.Internal }

// Types of a tool error, the "type" member of its text.
const (
	TypeError          = "error"            // a business rule: Errorf, echo.HTTPError below 500
	TypeValidation     = "validation_error" // bad arguments: binding.Error, values that the database refuses
	TypeForbidden      = "forbidden"        // a rule refuses the caller: Permit, an echo.HTTPError 403 of a permission step; a write where the database can only be read
	TypeNotFound       = "not_found"        // gorm.ErrRecordNotFound
	TypeConflict       = "conflict"         // gorm.ErrDuplicatedKey and other violated constraints
	TypeBusy           = "busy"             // a lock in the database; retryAfterMs says when to come back
	TypeTimeout        = "timeout"          // the deadline of the call, or a limit of the database, passed
	TypeRate           = "rate_limited"     // a limit; retryAfterMs says when to come back
	TypeTooLarge       = "result_too_large" // more rows or bytes than allowed; never a cut result
	TypeUnknownOutcome = "unknown_outcome"  // whether the change was committed is not known
	TypeInternal       = "internal_error"   // everything else; details only in the log
)

// ToolError is an error that a model can read and act on. The client gets a tool result with
// isError and the text {"error":{"type","message",...}}.
type ToolError struct {
	// Type is a stable word for programs. Default: [TypeError].
	Type string
	// Message is sent to the client. Default: what an [echo.HTTPError] in Internal says.
	Message string
	// Data are more members of the error object. Optional.
	Data map[string]any
	// RetryAfter, if positive, is sent as retryAfterMs and, rounded up to seconds, as the
	// Retry-After header.
	RetryAfter time.Duration
	// Internal, optional, is only logged.
	Internal error
}

func (e *ToolError) Error() string {
	if e.Message == "" && e.Internal != nil {
		return e.Internal.Error()
	}
	return e.Message
}

func (e *ToolError) Unwrap() error { return e.Internal }

// Errorf makes a [ToolError] of [TypeError]. The text is sent to the client: put into it what helps
// a model to correct itself, and nothing secret. An error wrapped with %w is found by errors.Is and
// its text is part of the message.
func Errorf(format string, a ...any) error {
	err := fmt.Errorf(format, a...)
	return &ToolError{Type: TypeError, Message: err.Error(), Internal: errors.Unwrap(err)}
}

var (
	errNoCall   = errors.New("mcpecho: this step works only inside an MCP call: list it on a server, group or spec, not on Echo itself")
	errNilQuery = errors.New("mcpecho: the selector returned a nil query without an error")
)

// failure is an error as the client sees it. Code 0 is a tool error.
type failure struct {
	status  int // HTTP status
	code    int // JSON-RPC code
	typ     string
	message string
	fields  []binding.FieldError
	data    any            // of a JSON-RPC error
	more    map[string]any // of a tool error
	retry   time.Duration
	reason  string // for the log
	ref     string // set when the details are only in the log
	refused *dberror.Error
}

// explain is the one table from causes to what the client sees. db, which may be nil, translates
// the errors of its driver.
func explain(err error, db *gorm.DB) failure {
	var (
		door  *wire.Refusal
		rpc   *Error
		bad   *binding.Error
		tool  *ToolError
		http_ *echo.HTTPError
	)
	switch {
	case errors.As(err, &door): // first: its cause may be an error of this package, as that of a store
		return doorFailure(door)
	case errors.As(err, &rpc):
		return failure{status: rpc.httpStatus(), code: rpc.Code, message: rpc.Message, data: rpc.Data}
	case errors.As(err, &bad):
		return failure{typ: TypeValidation, message: summary(bad), fields: bad.Fields}
	case errors.As(err, &tool):
		typ := tool.Type
		if typ == "" {
			typ = TypeError
		}
		f := failure{typ: typ, message: tool.Message, more: tool.Data, retry: tool.RetryAfter}
		if f.message == "" && errors.As(tool.Internal, &http_) {
			f.message, f.more = httpBody(http_)
		}
		return f
	case errors.As(err, &http_) && http_.Code < 500:
		f := failure{typ: TypeError}
		f.message, f.more = httpBody(http_)
		switch http_.Code {
		case http.StatusUnauthorized:
			f.typ, f.status, f.code = "", http_.Code, http_.Code
			if f.more != nil {
				f.data = f.more
			}
		case http.StatusTooManyRequests:
			f.typ = TypeRate
		}
		return f
	}
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return failure{typ: TypeNotFound, message: "no matching row found"}
	case errors.Is(err, context.DeadlineExceeded):
		return failure{typ: TypeTimeout, message: "the call took longer than allowed and was stopped; ask for less, or try again later"}
	}
	if f, ok := refusedByDatabase(err, db); ok {
		return f
	}
	ref := strings.ToLower(rand.Text()[:12])
	return failure{typ: TypeInternal, message: "internal error; an operator finds the details under reference " + ref, ref: ref}
}

// explain says what the client of the call sees of an error.
func (c *Call) explain(err error) failure {
	f := c.nameArguments(explain(err, c.server.cfg.DB))
	if c.door.Stopped() && (f.typ == TypeInternal || f.typ == TypeTimeout && f.refused != nil) && !errors.As(err, new(*caught.Panic)) {
		f = explain(wire.ErrStopped, nil) // the database says that it was interrupted
	}
	if c.committed.Load() {
		f = f.afterCommit()
	}
	return f
}

// afterCommit adds to what a client is told about a failure that something has been committed
// before it.
func (f failure) afterCommit() failure {
	f.message += "; a change was made and committed before this error, and it stays: look before you try again"
	f.more = withCommitted(f.more)
	switch data := f.data.(type) {
	case nil:
		f.data = withCommitted(nil)
	case map[string]any:
		f.data = withCommitted(data)
	default:
		f.data = withCommitted(map[string]any{"data": data})
	}
	return f
}

func withCommitted(members map[string]any) map[string]any {
	whole := map[string]any{}
	maps.Copy(whole, members)
	whole["committed"] = true // whatever the application says
	return whole
}

// asForbidden makes the 403 of a step that decides about the caller, before the arguments are
// looked at, the answer of a rule: what [echo.HTTPError] says of it, of type forbidden.
func (c *Call) asForbidden(err error) error {
	if err == nil || c.args != nil {
		return err
	}
	var plain *echo.HTTPError
	var told *ToolError
	if errors.As(err, &told) || !errors.As(err, &plain) || plain.Code != http.StatusForbidden {
		return err
	}
	return &ToolError{Type: TypeForbidden, Internal: err}
}

// asProtocolError gives what would be a tool result the code that it has where there are no tool
// results: HTTP status numbers, as application codes.
func (f failure) asProtocolError() failure {
	if f.code != 0 {
		return f
	}
	data := map[string]any{}
	maps.Copy(data, f.more)
	f.status = http.StatusOK
	switch f.typ {
	case TypeValidation:
		f.code = jsonrpc.InvalidParams
	case TypeForbidden:
		f.code = http.StatusForbidden
	case TypeNotFound:
		f.code = http.StatusNotFound
	case TypeConflict:
		f.code = http.StatusConflict
	case TypeTimeout:
		f.code = http.StatusRequestTimeout
	case TypeRate:
		f.code = http.StatusTooManyRequests
	case TypeBusy:
		f.code = http.StatusServiceUnavailable
	case TypeTooLarge:
		f.code = http.StatusRequestEntityTooLarge
	case TypeUnknownOutcome:
		f.code, data["type"] = jsonrpc.InternalError, f.typ
	case TypeInternal:
		f.code, data["reference"] = jsonrpc.InternalError, f.ref
	default:
		f.code = http.StatusBadRequest
	}
	if f.fields != nil {
		data["fields"] = f.fields
	}
	if f.retry > 0 {
		data["retryAfterMs"] = f.retry.Milliseconds()
	}
	if len(data) > 0 {
		f.data = data
	}
	return f
}

// MissingCapability is the error for a call that needs what the client has not declared, as
// {"sampling": {}}. It answers with HTTP status 400 and code -32021. (specification 2026-07-28,
// basic, section `_meta`)
func MissingCapability(required map[string]any) error {
	return &Error{Code: jsonrpc.MissingCapability, Message: "the client lacks a capability that this call needs",
		Data: map[string]any{"requiredCapabilities": required}}
}

// word is the reason of a refusal: what the code or type says, unless the refusal has one of its
// own.
func (f failure) word() string {
	switch {
	case f.reason != "":
		return f.reason
	case f.typ != "":
		return f.typ
	case reasons[f.code] != "":
		return reasons[f.code]
	}
	return "code_" + strconv.Itoa(f.code)
}

// translate turns an error of the SQL driver into gorm's own, also when the application did not set
// gorm.Config.TranslateError.
func translate(err error, db *gorm.DB) error {
	if db == nil {
		return err
	}
	if t, ok := db.Dialector.(gorm.ErrorTranslator); ok {
		for e := err; e != nil; e = errors.Unwrap(e) {
			if known := t.Translate(e); !same(known, e) { // untranslated errors come back as they are
				return known
			}
		}
	}
	return err
}

// same says whether two errors are one. Those of a type that cannot be compared, a slice as that of
// package validator, are taken for one when they are of one type.
func same(a, b error) bool {
	t := reflect.TypeOf(a)
	return t == reflect.TypeOf(b) && (!t.Comparable() || a == b) //nolint:errorlint // identity is meant
}

// httpStatus is the HTTP status that carries the error. (specification 2026-07-28,
// basic/transports/streamable-http)
func (e *Error) httpStatus() int {
	switch e.Code {
	case http.StatusUnauthorized, http.StatusForbidden:
		return e.Code
	case jsonrpc.HeaderMismatch, jsonrpc.MissingCapability, jsonrpc.UnsupportedVersion:
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// doorFailure is what the door says itself.
func doorFailure(r *wire.Refusal) failure {
	f := failure{status: r.Status, code: r.Code, message: r.Message, reason: r.Reason}
	if f.status == 0 {
		f.status = http.StatusOK
	}
	if r.Data != nil {
		f.data = r.Data
	}
	return f
}

// reasons names the codes that have one meaning.
var reasons = map[int]string{
	jsonrpc.MethodNotFound: "unknown_method", jsonrpc.InvalidParams: "invalid_params", jsonrpc.ResourceNotFound: "not_found",
	jsonrpc.MissingCapability: "missing_capability", jsonrpc.UnsupportedVersion: "version",
	http.StatusUnauthorized: "unauthenticated", http.StatusForbidden: "forbidden",
}

func summary(bad *binding.Error) string {
	if len(bad.Fields) == 1 {
		f := bad.Fields[0]
		return strings.TrimSpace("invalid arguments: " + strings.TrimSpace(f.Path+" "+f.Message))
	}
	return fmt.Sprintf("invalid arguments: %d problems, see fields", len(bad.Fields))
}
