package middleware

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/mcpecho/kit/internal/authn"
	"github.com/mcpecho/kit/mcpecho"
)

// BearerConfig configures [BearerWithConfig]. Exactly one of Key, PublicKey,
// JWKS, Keyfunc and Verifier is required: it says how tokens are verified. The
// fields up to CacheSize are for JWTs and have no meaning with Verifier.
type BearerConfig struct {
	// Skipper lets a request pass as anonymous, its token unread. Optional.
	Skipper Skipper

	// Key is the shared secret of HMAC tokens: at least 32 bytes for HS256, 48
	// for HS384, 64 for HS512 (RFC 7518 section 3.2). Everyone who knows it can
	// make tokens.
	Key []byte
	// AllowShortKey accepts a Key below those lengths, though never an empty
	// one. One valid token is enough to try out short or guessable keys
	// offline, so it is for keys that an operator has chosen for a trial.
	AllowShortKey bool
	// PublicKey is the key of an issuer that signs with its private half: an
	// [*rsa.PublicKey] of at least 2048 bits, an [*ecdsa.PublicKey] or an
	// [ed25519.PublicKey].
	PublicKey any
	// JWKS is the https URL of the issuer's JSON Web Key Set (RFC 7517). It is
	// fetched when a token first needs it, then every JWKSRefresh, and for a
	// token that names an unknown key, though not more than once in 10 s. While
	// it cannot be fetched the last keys stay good; without any keys yet, or
	// for an unknown one, the answer is 503. It requires Issuer, and Resource or
	// Audience, since the issuer makes tokens for others too.
	JWKS string
	// JWKSRefresh is the age at which keys are fetched again, in the background
	// of the request that notices. Default: 5 min. A key that has left the set
	// is honoured for at most this long plus a minute.
	JWKSRefresh time.Duration
	// JWKSClient fetches the key set, for an issuer behind a proxy or a private
	// certificate authority. Only its Transport is used: time (5 s), size (64
	// KiB) and redirects (none) stay bounded. Optional.
	JWKSClient *http.Client
	// JWKSLoopbackHTTP lets JWKS be an http URL of a loopback address, for
	// tests.
	JWKSLoopbackHTTP bool
	// Keyfunc finds the key of a token, for what the fields above cannot say. It
	// runs before anything of the token is verified, so it must not fetch what
	// the token's header asks for without a bound. The strength of a secret that
	// it returns is its own concern; an empty one is refused. An
	// [echo.HTTPError] that it returns is the answer to the request; use status
	// 503 while keys cannot be fetched, since a 401 makes clients log in again.
	// A key that it no longer returns is honoured for at most a minute. Without
	// Issuer it also answers for `iss`: callers are told apart by `iss` and `sub`
	// alone, so it must not give the key of one issuer to a token of another.
	Keyfunc jwt.Keyfunc
	// Algorithms are the only values of `alg` that are accepted. Default with
	// Key: HS256; with PublicKey: RS256, ES256, ES384, ES512 or EdDSA, by the
	// key; with JWKS: RS256, ES256 and EdDSA. Required with Keyfunc. "none" is
	// always refused, and HMAC is never combined with asymmetric algorithms: a
	// public key would do as an HMAC secret.
	Algorithms []string

	// Issuer, if set, must be the `iss` of the token. Set it whenever tokens
	// are not made by the application itself. Without it the callers of a Key or
	// PublicKey belong to that key: the same `sub` under another key is another
	// caller.
	Issuer string
	// Audience are more values than Resource that the `aud` of a token may
	// have, for issuers that know the server by another name. Optional.
	Audience []string
	// Type, if set, must be the `typ` of the token's header, as "at+jwt": it
	// tells access tokens from other tokens of the issuer (RFC 9068 section
	// 2.1). Case and a leading "application/" do not matter.
	Type string
	// Leeway is the clock difference tolerated in `exp`, `nbf` and `iat`.
	// Default: 30 s. Maximum: 60 s.
	Leeway time.Duration
	// NewClaims makes the value that claims are decoded into, a pointer; it
	// becomes [mcpecho.Principal.Claims]. With a method Validate() error it is
	// asked at every request. Default: a new [jwt.MapClaims]. Requests with the
	// same token share one value: do not change it.
	NewClaims func() jwt.Claims
	// CacheSize is the number of verified tokens that are remembered, by their
	// digest, so that a signature is checked once; times are checked at every
	// request. The token that was not seen for longest is forgotten first.
	// Default: 10,000, which take about 1 KB each, more with large claims.
	// Negative: none.
	CacheSize int

	// Verifier verifies tokens that are not JWTs: [Introspect], [APIKeys] or
	// the application's own.
	Verifier Verifier
	// Header, with Verifier, is the request header whose whole value is the
	// token, as X-API-Key. Default: Authorization, with the scheme Bearer.
	Header string

	// Resource is the absolute URL of the MCP endpoint as clients see it, which
	// they name when they ask for a token (RFC 8707). As soon as it or Audience
	// is set, the `aud` of a JWT must have one of them: exactly, except for a
	// trailing slash. It is also where ResourceMetadata comes from.
	// (specification 2026-07-28, basic/authorization, section Token Handling)
	Resource string
	// ResourceMetadata is the absolute URL of the protected resource metadata,
	// which tells a client where to log in: see the type of that name. Default:
	// the well-known URL that belongs to Resource (RFC 9728 section 3.1), and
	// none without Resource.
	ResourceMetadata string
	// Realm is the realm of challenges. Default: "mcp".
	Realm string
	// Scopes are advertised in the 401 challenge: what a client should ask for
	// at its first login. They are not enforced here; that is what [Scopes]
	// does. Optional.
	Scopes []string
}

// DefaultBearerConfig has the defaults of [Bearer].
var DefaultBearerConfig = BearerConfig{
	Algorithms:  []string{"HS256"},
	JWKSRefresh: 5 * time.Minute,
	Leeway:      30 * time.Second,
	CacheSize:   10_000,
	Realm:       defaultRealm,
}

const (
	maxToken   = 8 << 10 // bytes
	maxLeeway  = time.Minute
	retryAfter = "5" // seconds, while tokens cannot be verified
)

// Bearer authenticates requests by a JWT signed with HS256 and the key, in
// the Authorization header. A valid token's caller is found with
// [mcpecho.PrincipalFrom] and [mcpecho.Call.Principal]; any other request is
// answered with 401 and a challenge, and the log of the server has the reason in
// one word.
//
//	srv.Mount(e.Group("/mcp"), mw.Bearer(key))
//
// The token must have `exp`; `nbf` and `iat` are honoured. Granted scopes are
// the `scope` (a space-separated string) and `scp` (a string or an array)
// claims. A caller is told apart by the key, `iss` and `sub`, or by the token
// itself when it has no `sub`. Neither `iss` nor `aud` is checked, so it is for
// tokens that the application makes for this server: see Issuer and Resource of
// [BearerConfig] for others. It panics without a key of at least 32 bytes.
func Bearer(key []byte) echo.MiddlewareFunc {
	cfg := DefaultBearerConfig
	cfg.Key = key
	return BearerWithConfig(cfg)
}

// BearerWithConfig is [Bearer] with a configuration. It panics when that is
// wrong; [BearerConfig.ToMiddleware] returns the error.
func BearerWithConfig(cfg BearerConfig) echo.MiddlewareFunc {
	return must(cfg.ToMiddleware())
}

// ToMiddleware makes the middleware, or says what is wrong with the
// configuration.
func (cfg BearerConfig) ToMiddleware() (echo.MiddlewareFunc, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	verify := cfg.Verifier
	if verify == nil {
		verify = newJWTVerifier(cfg).verify
	}
	ch := &challenge{realm: cfg.Realm, metadata: cfg.ResourceMetadata}
	refused := &refusals{challenge: ch, scope: strings.Join(cfg.Scopes, " "), outages: rate.Sometimes{Interval: time.Second}}

	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			authn.SetChallenger(ec, ch)
			if skips(cfg.Skipper, ec) {
				return next(ec)
			}
			token, err := cfg.token(ec.Request().Header)
			if err != nil {
				return refused.answer(ec, err, "")
			}
			if cfg.Header != echo.HeaderAuthorization {
				authn.SetToken(ec, token) // the server's log keeps it out of what it shows
			}
			p, err := verify(ec.Request().Context(), token)
			if err == nil && p == nil {
				err = ErrInvalidToken // a verifier that says nothing has verified nothing
			}
			if err != nil {
				return refused.answer(ec, err, token)
			}
			mcpecho.SetPrincipal(ec, named(p, token))
			return next(ec)
		}
	}, nil
}

// named gives a principal that nothing tells apart from others the name of its
// token: all who have no name would be one caller.
func named(p *mcpecho.Principal, token string) *mcpecho.Principal {
	if p.ID != "" || p.Subject != "" {
		return p
	}
	alone := *p // a verifier may return one value to all
	alone.ID = tokenID(sha256.Sum256([]byte(token)))
	return &alone
}

var (
	errNoToken   = errors.New("middleware: no bearer token")
	errTokenForm = invalid(errors.New("middleware: not one token of at most 8 KiB"))
)

// token takes the token from the only header that is looked at. Another
// scheme counts as no token. (RFC 6750 sections 2.1 and 3.1)
func (cfg *BearerConfig) token(header http.Header) (string, error) {
	lines := header[cfg.Header]
	if len(lines) > 1 {
		return "", errTokenForm
	}
	if len(lines) == 0 {
		return "", errNoToken
	}
	token := lines[0]
	if cfg.Header == echo.HeaderAuthorization {
		var scheme string
		if scheme, token, _ = strings.Cut(token, " "); !strings.EqualFold(scheme, "Bearer") {
			return "", errNoToken
		}
	}
	if token = strings.Trim(token, " "); token == "" || len(token) > maxToken {
		return "", errTokenForm
	}
	return token, nil
}
