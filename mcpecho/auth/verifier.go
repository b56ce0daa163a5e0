package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// Verifier turns a token into the caller who sent it. [JWT], [Introspect] and [APIKeys] make one;
// [VerifierFunc] makes one of a function.
type Verifier interface {
	// Verify returns the caller. The context ends with the request; the token is not empty and at
	// most 8 KiB.
	//
	// An error that wraps [ErrInvalidToken] is a refusal: mw.Bearer answers 401 with a challenge,
	// by which a client logs in again. An [echo.HTTPError] is the answer itself. Every other error
	// means that nothing could be found out, which is answered with 503 and Retry-After. A nil
	// principal without an error counts as invalid.
	//
	// A principal without ID is told apart by Issuer and Subject: where a server has two verifiers,
	// give theirs different Issuers, or one can name the callers of the other. One with none of the
	// three is told apart by its token.
	//
	// That a token was made for this server and has not expired is for the Verifier to check. One
	// that keeps its results keeps a revoked token valid for as long.
	Verify(ctx context.Context, token string) (*Principal, error)
}

// VerifierFunc is a [Verifier] made of a function.
type VerifierFunc func(ctx context.Context, token string) (*Principal, error)

// Verify calls f.
func (f VerifierFunc) Verify(ctx context.Context, token string) (*Principal, error) {
	return f(ctx, token)
}

// AudienceVerifier is a [Verifier] that can say for whom a token must have been made, as that of
// [JWT] can. A middleware that knows the URL of the server asks it at the start, so that the two
// cannot contradict each other.
type AudienceVerifier interface {
	Verifier
	// Resource is the URL of the server that tokens must have been made for, "" where that is not
	// known.
	Resource() string
	// Audience lists the values of `aud` of which a token must have one, Resource included. It is
	// empty where a token of any audience is accepted.
	Audience() []string
}

const maxToken = 8 << 10 // bytes

// errForm is the error for what no verifier is asked about.
var errForm = invalid(errors.New("auth: not a token of at most 8 KiB"))

// Verify asks the verifier about a token, as a middleware does for each request. It keeps what is
// empty or over 8 KiB from the verifier, refuses a token for which the verifier returns neither a
// principal nor an error, and gives a principal without a name the ID of its token.
func Verify(ctx context.Context, v Verifier, token string) (*Principal, error) {
	if token == "" || len(token) > maxToken {
		return nil, errForm
	}
	p, err := v.Verify(ctx, token)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return nil, ErrInvalidToken
	case p.ID != "" || p.Subject != "":
		return p, nil
	}
	alone := *p // a verifier may return one value to all, and all without a name would be one caller
	alone.ID = tokenID(sha256.Sum256([]byte(token)))
	return &alone, nil
}

// tokenID names a caller that is known by nothing but its token.
func tokenID(digest [sha256.Size]byte) string { return "token:" + hex.EncodeToString(digest[:]) }

// must is the difference between X, which a program calls while it starts, and XConfig.ToVerifier,
// which returns what is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err.Error())
	}
	return v
}
