package middleware

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

// BearerConfig configures [BearerWithConfig]. Either Key or Keyfunc is
// required.
type BearerConfig struct {
	// Skipper lets a request pass as anonymous, its token unread. Optional.
	Skipper Skipper

	// Key is the shared secret of HMAC tokens: at least 32 bytes for HS256, 48
	// for HS384, 64 for HS512 (RFC 7518 section 3.2). Everyone who knows it can
	// make tokens.
	Key []byte
	// Keyfunc finds the key of a token, for asymmetric algorithms and for key
	// sets. It runs before anything of the token is verified, so it must not
	// fetch what the token's header asks for without a bound. The strength of a
	// secret that it returns is its own concern; an empty one is refused. An
	// [echo.HTTPError] that it returns is the answer to the request; use status
	// 503 while keys cannot be fetched, since a 401 makes clients log in again.
	Keyfunc jwt.Keyfunc
	// Algorithms are the only values of `alg` that are accepted. Default with
	// Key: HS256. Required with Keyfunc. "none" is always refused, and HMAC is
	// never combined with asymmetric algorithms: a public key would do as an
	// HMAC secret.
	Algorithms []string

	// Issuer, if set, must be the `iss` of the token. Set it whenever tokens
	// are not made by the application itself.
	Issuer string
	// Audience, if set, must have a value of the `aud` of the token, compared
	// exactly. The specification demands this check of servers that use an
	// authorization server.
	// (specification 2026-07-28, basic/authorization, section Token Handling)
	Audience []string
	// Leeway is the clock difference tolerated in `exp`, `nbf` and `iat`.
	// Default: 30 s. Maximum: 60 s.
	Leeway time.Duration
	// NewClaims makes the value that claims are decoded into, a pointer; it
	// becomes [mcpecho.Principal.Claims]. Default: a new [jwt.MapClaims].
	NewClaims func() jwt.Claims

	// Realm is the realm of challenges. Default: "mcp".
	Realm string
	// ResourceMetadata is the absolute URL of the protected resource metadata
	// (RFC 9728), which tells a client where to log in. Optional.
	ResourceMetadata string
	// Scopes are advertised in the 401 challenge: what a client should ask for
	// at its first login. They are not enforced here; that is what [Scopes]
	// does. Optional.
	Scopes []string
}

// DefaultBearerConfig has the defaults of [Bearer].
var DefaultBearerConfig = BearerConfig{
	Algorithms: []string{"HS256"},
	Leeway:     30 * time.Second,
	Realm:      defaultRealm,
}

const (
	maxToken  = 8 << 10 // bytes
	maxLeeway = time.Minute
)

// Bearer authenticates requests by a JWT signed with HS256 and the key, in
// the Authorization header. A valid token's caller is found with
// [mcpecho.PrincipalFrom] and [mcpecho.Call.Principal]; any other request is
// answered with 401 and a challenge.
//
//	srv.Mount(e.Group("/mcp", mw.Bearer(key)))
//
// The token must have `exp`; `nbf` and `iat` are honoured. Granted scopes are
// the `scope` (a space-separated string) and `scp` (a string or an array)
// claims. A caller is told apart by `iss` and `sub`, or by the token itself
// when it has no `sub`. It panics without a key of at least 32 bytes.
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
	if cfg.Leeway == 0 {
		cfg.Leeway = DefaultBearerConfig.Leeway
	}
	if cfg.Realm == "" {
		cfg.Realm = DefaultBearerConfig.Realm
	}
	if cfg.Algorithms == nil && cfg.Keyfunc == nil {
		cfg.Algorithms = DefaultBearerConfig.Algorithms
	}
	if cfg.NewClaims == nil {
		cfg.NewClaims = func() jwt.Claims { return jwt.MapClaims{} }
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	v := &verifier{parser: cfg.parser(), keyfunc: cfg.keyfunc(), newClaims: cfg.NewClaims}
	ch := &challenge{realm: cfg.Realm, metadata: cfg.ResourceMetadata}
	scope := strings.Join(cfg.Scopes, " ")

	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(ec echo.Context) error {
			ec.Set(challengeKey, ch)
			if skips(cfg.Skipper, ec) {
				return next(ec)
			}
			token, err := bearerToken(ec.Request().Header[echo.HeaderAuthorization])
			if err == nil {
				var p *mcpecho.Principal
				if p, err = v.verify(token); err == nil {
					mcpecho.SetPrincipal(ec, p)
					return next(ec)
				}
			}
			var answer *echo.HTTPError
			switch {
			case errors.As(err, &answer):
				return answer
			case errors.Is(err, errNoToken):
				return ch.refuse(ec, "", "a bearer token is required", scope)
			case errors.Is(err, jwt.ErrTokenExpired):
				return ch.refuse(ec, "invalid_token", "the token is expired", scope)
			}
			return ch.refuse(ec, "invalid_token", "the token is not valid", scope)
		}
	}, nil
}

func (cfg BearerConfig) check() error {
	switch {
	case len(cfg.Key) == 0 && cfg.Keyfunc == nil:
		return errors.New("middleware: bearer requires a key: set Key or Keyfunc")
	case len(cfg.Key) > 0 && cfg.Keyfunc != nil:
		return errors.New("middleware: bearer has both Key and Keyfunc: set one of them")
	case len(cfg.Algorithms) == 0:
		return errors.New("middleware: bearer with Keyfunc requires Algorithms: list what the issuer signs with, for instance RS256")
	case cfg.Leeway < 0 || cfg.Leeway > maxLeeway:
		return fmt.Errorf("middleware: bearer Leeway %s must be between 0 and %s", cfg.Leeway, maxLeeway)
	case slices.Contains(cfg.Audience, ""):
		return errors.New("middleware: bearer Audience has an empty value: name the audience or leave Audience out")
	case cfg.NewClaims() == nil:
		return errors.New("middleware: bearer NewClaims returned nil: return a pointer to a new value")
	}
	return errors.Join(cfg.checkAlgorithms(), checkQuotable("Realm", cfg.Realm), checkMetadata(cfg.ResourceMetadata), checkScopes(cfg.Scopes))
}

func (cfg BearerConfig) checkAlgorithms() error {
	hmac := 0
	for _, name := range cfg.Algorithms {
		method := jwt.GetSigningMethod(name)
		if method == nil || strings.EqualFold(name, "none") {
			return fmt.Errorf("middleware: bearer algorithm %q is not allowed: use HS256 with Key, or RS256, ES256, EdDSA and the like with Keyfunc", name)
		}
		m, ok := method.(*jwt.SigningMethodHMAC)
		if !ok {
			continue
		}
		hmac++
		if size := m.Hash.Size(); cfg.Keyfunc == nil && len(cfg.Key) < size {
			return fmt.Errorf("middleware: bearer requires a key of at least %d bytes for %s (RFC 7518 section 3.2), not %d: make one from crypto/rand", size, name, len(cfg.Key))
		}
	}
	switch {
	case hmac > 0 && hmac < len(cfg.Algorithms):
		return errors.New("middleware: bearer Algorithms mix HMAC with asymmetric ones, so that a public key would do as a secret: use two groups with a Bearer each")
	case hmac == 0 && cfg.Keyfunc == nil:
		return errors.New("middleware: bearer Key is for HS256, HS384 and HS512: give the public keys of other Algorithms by Keyfunc")
	}
	return nil
}

func (cfg BearerConfig) parser() *jwt.Parser {
	options := []jwt.ParserOption{
		jwt.WithValidMethods(slices.Clone(cfg.Algorithms)), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(cfg.Leeway), jwt.WithStrictDecoding(),
	}
	if cfg.Issuer != "" {
		options = append(options, jwt.WithIssuer(cfg.Issuer))
	}
	if len(cfg.Audience) > 0 {
		options = append(options, jwt.WithAudience(cfg.Audience...))
	}
	return jwt.NewParser(options...)
}

// keyfunc refuses an empty secret, the zero value that a failed look-up in a
// Keyfunc returns: everyone can make tokens for it.
func (cfg BearerConfig) keyfunc() jwt.Keyfunc {
	if cfg.Keyfunc == nil {
		key := slices.Clone(cfg.Key)
		return func(*jwt.Token) (any, error) { return key, nil }
	}
	return func(t *jwt.Token) (any, error) {
		key, err := cfg.Keyfunc(t)
		if err != nil {
			return nil, err
		}
		keys := []jwt.VerificationKey{key}
		if set, ok := key.(jwt.VerificationKeySet); ok {
			keys = set.Keys
		}
		for _, k := range keys {
			if secret, ok := k.([]byte); ok && len(secret) == 0 {
				return nil, errEmptyKey
			}
		}
		return key, nil
	}
}

var (
	errEmptyKey = errors.New("middleware: bearer Keyfunc returned an empty secret")
	errNoToken  = errors.New("middleware: no bearer token")
	errBadToken = errors.New("middleware: bad bearer token")
)

// bearerToken takes the token from the only place that is looked at. Another
// scheme counts as no token. (RFC 6750 sections 2.1 and 3.1)
func bearerToken(headers []string) (string, error) {
	if len(headers) > 1 {
		return "", errBadToken
	}
	if len(headers) == 0 {
		return "", errNoToken
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", errNoToken
	}
	if token = strings.Trim(token, " "); len(token) > maxToken {
		return "", errBadToken
	}
	return token, nil
}

// verifier turns a token into a principal.
type verifier struct {
	parser    *jwt.Parser
	keyfunc   jwt.Keyfunc
	newClaims func() jwt.Claims
}

func (v *verifier) verify(raw string) (*mcpecho.Principal, error) {
	token, err := v.parser.ParseWithClaims(raw, v.newClaims(), v.keyfunc)
	if err != nil {
		return nil, err
	}
	if _, critical := token.Header["crit"]; critical {
		return nil, errBadToken // an extension that must be understood (RFC 7515 section 4.1.11)
	}
	p := &mcpecho.Principal{Claims: token.Claims}
	if p.Issuer, err = token.Claims.GetIssuer(); err != nil {
		return nil, err
	}
	if p.Subject, err = token.Claims.GetSubject(); err != nil {
		return nil, err
	}
	if p.Subject == "" {
		sum := sha256.Sum256([]byte(raw))
		p.ID = "token:" + hex.EncodeToString(sum[:])
	}
	p.Scopes, err = v.scopes(token)
	return p, err
}
