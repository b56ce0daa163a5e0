package middleware

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/mcpecho/kit/internal/authn"
	"github.com/mcpecho/kit/internal/weburl"
	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/auth"
)

// BearerConfig configures [BearerWithConfig].
type BearerConfig struct {
	// Skipper lets a request pass as anonymous, its token unread. Optional.
	Skipper Skipper
	// Verifier says who sent a token: [auth.JWT], [auth.Introspect], [auth.APIKeys], or the
	// application's own. Required.
	Verifier auth.Verifier
	// Header is the request header whose whole value is the token, as X-API-Key. Default:
	// Authorization, with the scheme Bearer. A JWT comes in no other.
	Header string
	// Resource is the absolute URL of the MCP endpoint as clients see it. ResourceMetadata comes
	// from it. Default: the Resource of the [auth.JWTConfig]. With another one there, or with a JWT
	// verifier that accepts tokens of every audience, the server does not start.
	Resource string
	// ResourceMetadata is the absolute URL of the protected resource metadata, which tells a client
	// where to log in: see the type of that name. Default: the well-known URL that belongs to
	// Resource (RFC 9728 section 3.1), and none without Resource.
	ResourceMetadata string
	// Realm is the realm of challenges. Default: "mcp".
	Realm string
	// Scopes are advertised in the 401 challenge: what a client should ask for at its first login.
	// They are not enforced here; that is what [Scopes] does. Optional.
	Scopes []string
}

const retryAfter = "5" // seconds, while tokens cannot be verified

// Bearer authenticates requests by a JWT signed with HS256 and the key, in the Authorization
// header. A valid token's caller is found with [mcpecho.PrincipalFrom] and
// [mcpecho.Call.Principal]; any other request is answered with 401 and a challenge, and the log of
// the server has the reason in one word.
//
//	srv.Mount(e.Group("/mcp"), mw.Bearer(key))
//
// The token must have `exp`; `nbf` and `iat` are honoured. Granted scopes are the `scope` (a
// space-separated string) and `scp` (a string or an array) claims. A caller is told apart by the
// key, `iss` and `sub`, or by the token itself when it has no `sub`. Neither `iss` nor `aud` is
// checked, so it is for tokens that the application makes for this server: for others see
// [BearerWithConfig]. It panics without a key of at least 32 bytes.
func Bearer(key []byte) echo.MiddlewareFunc {
	return BearerWithConfig(BearerConfig{Verifier: auth.JWT(auth.JWTConfig{Keys: auth.Secret(key)})})
}

// BearerWithConfig is [Bearer] for every kind of token. It panics when the configuration is wrong;
// [BearerConfig.ToMiddleware] returns the error.
//
//	srv.Mount(e.Group("/mcp"), mw.BearerWithConfig(mw.BearerConfig{
//		Verifier: auth.JWT(auth.JWTConfig{
//			Keys:     auth.JWKS("https://login.example.com/keys"),
//			Issuer:   "https://login.example.com",
//			Resource: "https://api.example.com/mcp",
//		}),
//		Scopes: []string{"invoices:read"},
//	}))
func BearerWithConfig(cfg BearerConfig) echo.MiddlewareFunc {
	return must(cfg.ToMiddleware())
}

// ToMiddleware makes the middleware, or says what is wrong with the configuration.
func (cfg BearerConfig) ToMiddleware() (echo.MiddlewareFunc, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
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
			p, err := auth.Verify(ec.Request().Context(), cfg.Verifier, token)
			if err != nil {
				return refused.answer(ec, err, token)
			}
			mcpecho.SetPrincipal(ec, p)
			return next(ec)
		}
	}, nil
}

func (cfg *BearerConfig) setDefaults() {
	cfg.Realm = cmp.Or(cfg.Realm, defaultRealm)
	cfg.Header = http.CanonicalHeaderKey(cmp.Or(cfg.Header, echo.HeaderAuthorization))
	if v, ok := cfg.Verifier.(auth.AudienceVerifier); ok && cfg.Resource == "" {
		cfg.Resource = v.Resource()
	}
	if cfg.ResourceMetadata == "" && cfg.Resource != "" {
		cfg.ResourceMetadata = wellKnownURL(cfg.Resource)
	}
}

func (cfg *BearerConfig) check() error {
	if f, ok := cfg.Verifier.(auth.VerifierFunc); cfg.Verifier == nil || ok && f == nil {
		return errors.New("middleware: bearer requires a Verifier: auth.JWT, auth.Introspect, auth.APIKeys or one of your own")
	}
	return errors.Join(cfg.checkVerifier(), checkQuotable("Realm", cfg.Realm), checkScopes(cfg.Scopes),
		checkPublicURL("Resource", cfg.Resource), checkPublicURL("ResourceMetadata", cfg.ResourceMetadata))
}

// checkVerifier refuses a verifier that would take tokens made for other servers than the one that
// clients are told to log in for, or that would refuse those made for it.
func (cfg *BearerConfig) checkVerifier() error {
	v, ok := cfg.Verifier.(auth.AudienceVerifier)
	switch {
	case !ok:
		return nil
	case cfg.Header != echo.HeaderAuthorization:
		return fmt.Errorf("middleware: bearer Header %q is for other tokens: a JWT is taken from the Authorization header alone", cfg.Header)
	case cfg.Resource == "":
		return nil
	case len(v.Audience()) == 0:
		return fmt.Errorf("middleware: bearer Resource is %q, and its JWT verifier accepts tokens made for any server: give the Resource to the auth.JWTConfig", cfg.Resource)
	case v.Resource() != "" && !sameURL(v.Resource(), cfg.Resource):
		return fmt.Errorf("middleware: bearer Resource is %q, and its JWT verifier accepts tokens for %q: give one of them, to the auth.JWTConfig", cfg.Resource, v.Resource())
	}
	return nil
}

// sameURL compares as the audience of a token is compared.
func sameURL(a, b string) bool { return strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/") }

// checkPublicURL refuses a URL that cannot be told to clients.
func checkPublicURL(field, address string) error {
	if err := weburl.CheckPublic(field, address); err != nil {
		return fmt.Errorf("middleware: %w", err)
	}
	return nil
}

var (
	errNoToken   = errors.New("middleware: no bearer token")
	errTwoTokens = fmt.Errorf("%w: middleware: more than one token", auth.ErrInvalidToken)
)

// token takes the token from the only header that is looked at. Another scheme counts as no token.
// (RFC 6750 sections 2.1 and 3.1)
func (cfg *BearerConfig) token(header http.Header) (string, error) {
	lines := header[cfg.Header]
	if len(lines) > 1 {
		return "", errTwoTokens
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
	return strings.Trim(token, " "), nil
}
