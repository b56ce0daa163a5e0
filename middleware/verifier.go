package middleware

import (
	"context"
	"errors"

	"github.com/mcpecho/kit/mcpecho"
)

// Verifier turns the token of a request into the caller, for tokens that are
// not JWTs. The context ends with the request; the token is not empty and at
// most 8 KiB.
//
// An error that wraps [ErrInvalidToken] answers 401 with a challenge, by which
// a client logs in again; an [echo.HTTPError] is the answer itself; every other
// error means that nothing could be found out, and answers 503 with
// Retry-After. A nil principal without an error counts as invalid.
//
// A principal without ID is told apart by Issuer and Subject: where a server has two
// verifiers, give theirs different Issuers, or one can name the callers of the other.
// One with none of the three is told apart by its token.
//
// That a token was made for this server and has not expired is for the
// Verifier to check; whoever keeps a result keeps a revoked token valid.
type Verifier func(ctx context.Context, token string) (*mcpecho.Principal, error)

// ErrInvalidToken is wrapped by the errors of a [Verifier] for a token that is
// unknown, expired, revoked or meant for another server.
var ErrInvalidToken = errors.New("middleware: the token is not valid")
