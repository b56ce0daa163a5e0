package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"github.com/mcpecho/kit/internal/weburl"
)

// IntrospectConfig configures [Introspect].
type IntrospectConfig struct {
	// URL is the https URL of the introspection endpoint. Required.
	URL string
	// ClientID and ClientSecret authenticate this server there, by HTTP Basic. Required.
	ClientID, ClientSecret string
	// Resource and Audience are the values of `aud` that are accepted, as in [JWTConfig]. Without
	// both every active token of the authorization server is, those for other servers included.
	Resource string
	Audience []string
	// CacheFor is how long an active token stays so without being asked about again, and at most
	// until its `exp`: a revoked token works for that long. Default: 30 s. Negative: every request
	// asks. A token that was refused stays so for 3 s, whatever this says.
	CacheFor time.Duration
	// CacheSize is the number of active tokens that are remembered, by their digest, and apart from
	// them that of refused ones. Default: 10,000. A negative number remembers none.
	CacheSize int
	// Client sends the requests. Only its Transport is used: time (5 s), size (64 KiB) and
	// redirects (none) stay bounded. Optional.
	Client *http.Client
	// LoopbackHTTP lets URL be an http URL of a loopback address, for tests.
	LoopbackHTTP bool
}

// Introspect is a [Verifier] that asks the authorization server about each token (RFC 7662). The
// principal has the `iss`, `sub` and `scope` of the answer, and all of it as a map[string]any in
// Claims, which requests share: do not change it. An answer without `iss` has the URL as its
// Issuer, so that callers of two authorization servers do not meet. It panics when the
// configuration is wrong; [IntrospectConfig.ToVerifier] returns the error.
//
// Requests with one token ask once. At most 64 questions run at a time and at most 64 requests wait
// for one; the next is answered with 503, while tokens that are remembered go on being served.
//
//	auth.Introspect(auth.IntrospectConfig{
//		URL: "https://login.example.com/introspect", ClientID: "mcp", ClientSecret: secret,
//		Resource: "https://api.example.com/mcp",
//	})
func Introspect(cfg IntrospectConfig) Verifier { return must(cfg.ToVerifier()) }

// ToVerifier makes the verifier, or says what is wrong with the configuration.
func (cfg IntrospectConfig) ToVerifier() (Verifier, error) {
	cfg.CacheFor = cmp.Or(cfg.CacheFor, 30*time.Second)
	cfg.CacheSize = cmp.Or(cfg.CacheSize, 10_000)
	if cfg.ClientID == "" || cfg.ClientSecret == "" {
		return nil, errors.New("auth: introspect requires ClientID and ClientSecret: an open endpoint would let everyone try out tokens (RFC 7662 section 2.1)")
	}
	if slices.Contains(cfg.Audience, "") {
		return nil, errors.New("auth: introspect Audience has an empty value: name the audience or leave Audience out")
	}
	err := errors.Join(weburl.CheckFetch("URL", cfg.URL, cfg.LoopbackHTTP), weburl.CheckPublic("Resource", cfg.Resource))
	if err != nil {
		return nil, fmt.Errorf("auth: introspect %w", err)
	}
	i := &introspector{
		cfg: cfg, fetcher: newFetcher(cfg.Client),
		audience: audiences(cfg.Resource, cfg.Audience), refused: newTokenCache[error](cfg.CacheSize),
	}
	if cfg.CacheFor > 0 {
		i.active = newTokenCache[introspected](cfg.CacheSize)
	}
	return i, nil
}

// refusedFor is how long a token that was refused is not asked about again: long enough to be no
// burden, and short enough for who has just made it good.
const refusedFor = 3 * time.Second

type introspector struct {
	cfg      IntrospectConfig
	fetcher  fetcher
	audience []string
	asking   lookups[[sha256.Size]byte, introspected]
	active   *tokenCache[introspected]
	refused  *tokenCache[error]
}

type introspected struct {
	principal Principal
	expires   time.Time // zero: not said
}

// Verify implements [Verifier].
func (i *introspector) Verify(ctx context.Context, token string) (*Principal, error) {
	digest := sha256.Sum256([]byte(token))
	known, ok := i.active.get(digest)
	if !ok {
		err, refused := i.refused.get(digest)
		if !refused {
			known, err = i.asking.do(ctx, digest, func(ctx context.Context) (introspected, error) { return i.lookUp(ctx, token, digest) })
		}
		if err != nil {
			return nil, err
		}
	}
	if !known.expires.IsZero() && !time.Now().Before(known.expires) {
		i.active.remove(digest)
		return nil, invalid(jwt.ErrTokenExpired)
	}
	p := known.principal
	return &p, nil
}

// lookUp asks about a token and remembers what was said. It looks at what is remembered again:
// another look-up may have ended just before this one began.
func (i *introspector) lookUp(ctx context.Context, token string, digest [sha256.Size]byte) (introspected, error) {
	if known, ok := i.active.get(digest); ok {
		return known, nil
	}
	if err, ok := i.refused.get(digest); ok {
		return introspected{}, err
	}
	claims, err := i.ask(ctx, token)
	if err != nil {
		return introspected{}, err
	}
	known, err := i.read(claims, digest)
	if err != nil {
		i.refused.put(digest, err, refusedFor)
		return introspected{}, err
	}
	i.active.put(digest, known, i.cfg.CacheFor)
	return known, nil
}

func (i *introspector) ask(ctx context.Context, token string) (claims map[string]any, err error) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, i.cfg.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(i.cfg.ClientID), url.QueryEscape(i.cfg.ClientSecret)) // RFC 6749 section 2.3.1
	body, err := i.fetcher.do(request)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &claims); err != nil {
		return nil, fmt.Errorf("auth: introspect: %w", withoutValue(err))
	}
	return claims, nil
}

// withoutValue keeps what the server has sent out of the error.
func withoutValue(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("the answer is not JSON at byte %d", syntax.ByteOffset)
	}
	return errors.New("the answer is not a JSON object")
}

// read takes the caller from an answer. (RFC 7662 section 2.2)
func (i *introspector) read(claims map[string]any, digest [sha256.Size]byte) (known introspected, err error) {
	if active, _ := claims["active"].(bool); !active {
		return known, invalid(errInactive)
	}
	aud := listed(claims["aud"])
	if one, ok := claims["aud"].(string); ok {
		aud = []string{one}
	}
	if !forUs(i.audience, aud) {
		return known, invalid(jwt.ErrTokenInvalidAudience)
	}
	begins, err := date(claims, "nbf")
	if err != nil {
		return known, err
	}
	if !begins.IsZero() && time.Now().Before(begins.Add(-maxLeeway)) {
		return known, invalid(jwt.ErrTokenNotValidYet)
	}
	if known.expires, err = date(claims, "exp"); err != nil {
		return known, err
	}
	known.principal = Principal{Scopes: slices.Clip(listed(claims["scope"])), Claims: claims}
	if known.principal.Issuer, _ = claims["iss"].(string); known.principal.Issuer == "" {
		known.principal.Issuer = i.cfg.URL
	}
	if known.principal.Subject, _ = claims["sub"].(string); known.principal.Subject == "" {
		known.principal.ID = tokenID(digest)
	}
	return known, nil
}

var errInactive = errors.New("auth: the token is not active")

// date reads a time, zero when the answer has none. What is no time is no answer: taken for none it
// would make the token valid for ever.
func date(claims map[string]any, name string) (t time.Time, err error) {
	claim := claims[name]
	if claim == nil {
		return t, nil
	}
	seconds, ok := claim.(float64)
	if !ok || seconds < 0 || seconds > lastSecond {
		return t, invalid(fmt.Errorf("auth: %s is not a time", name))
	}
	return time.Unix(int64(seconds), 0), nil
}
