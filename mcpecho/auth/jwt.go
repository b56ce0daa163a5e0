package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/weburl"
)

// JWTConfig configures [JWT].
type JWTConfig struct {
	// Keys verify the signature: [Secret], [PublicKey], [JWKS], [JWKSConfig] or [Keyfunc].
	// Required.
	Keys Keys
	// Issuer, if set, must be the `iss` of the token. Set it whenever tokens are not made by the
	// application itself; JWKS requires it. Without it the callers of a Secret or PublicKey belong
	// to that key: the same `sub` under another key is another caller.
	Issuer string
	// Resource is the absolute URL of the server as clients see it, which they name when they ask
	// for a token (RFC 8707). As soon as it or Audience is set, the `aud` of a token must have one
	// of them: exactly, except for a trailing slash. JWKS requires one of the two.
	// (specification 2026-07-28, basic/authorization, section Token Handling)
	Resource string
	// Audience are more values than Resource that the `aud` of a token may have, for issuers that
	// know the server by another name. Optional.
	Audience []string
	// Type, if set, must be the `typ` of the token's header, as "at+jwt": it tells access tokens
	// from other tokens of the issuer (RFC 9068 section 2.1). Case and a leading "application/" do
	// not matter.
	Type string
	// Leeway is the clock difference tolerated in `exp`, `nbf` and `iat`. Default: 30 s. Maximum:
	// 60 s.
	Leeway time.Duration
	// NewClaims makes the value that claims are decoded into, a pointer; it becomes
	// [Principal.Claims]. With a method Validate() error it is asked at every request. Default: a
	// new [jwt.MapClaims]. Requests with the same token share one value: do not change it.
	NewClaims func() jwt.Claims
	// CacheSize is the number of verified tokens that are remembered, by their digest, so that a
	// signature is checked once; times are checked at every request. The token that was not seen
	// for longest is forgotten first. Default: 10,000, which take about 1 KB each, more with large
	// claims. Negative: none.
	CacheSize int
}

// maxLeeway bounds the clock difference between this server and an issuer.
const maxLeeway = time.Minute

// JWT is a [Verifier] of JSON Web Tokens (RFC 7519). It panics when the configuration is wrong;
// [JWTConfig.ToVerifier] returns the error.
//
//	auth.JWT(auth.JWTConfig{
//		Keys:     auth.JWKS("https://login.example.com/keys"),
//		Issuer:   "https://login.example.com",
//		Resource: "https://api.example.com/mcp",
//	})
//
// A token must have `exp`; `nbf` and `iat` are honoured. Granted scopes are the claims `scope` (a
// space-separated string) and `scp` (a string or an array). A caller is told apart by `iss` and
// `sub`, and by the key where no Issuer is set; without `sub` by the token itself.
func JWT(cfg JWTConfig) Verifier { return must(cfg.ToVerifier()) }

// ToVerifier makes the verifier, an [AudienceVerifier], or says what is wrong with the
// configuration.
func (cfg JWTConfig) ToVerifier() (Verifier, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	keys, err := cfg.Keys.source()
	if err != nil {
		return nil, err
	}
	if err := cfg.checkIssued(keys); err != nil {
		return nil, err
	}
	return newJWTVerifier(cfg, keys), nil
}

func (cfg *JWTConfig) setDefaults() {
	cfg.Leeway = cmp.Or(cfg.Leeway, 30*time.Second)
	cfg.CacheSize = cmp.Or(cfg.CacheSize, 10_000)
	if cfg.NewClaims == nil {
		cfg.NewClaims = func() jwt.Claims { return jwt.MapClaims{} }
	}
}

func (cfg *JWTConfig) check() error {
	switch {
	case cfg.Keys == nil:
		return errors.New("auth: JWT requires Keys: a Secret, a PublicKey, JWKS or a Keyfunc")
	case cfg.Leeway < 0 || cfg.Leeway > maxLeeway:
		return fmt.Errorf("auth: JWT Leeway %s must be between 0 and %s", cfg.Leeway, maxLeeway)
	case slices.Contains(cfg.Audience, ""):
		return errors.New("auth: JWT Audience has an empty value: name the audience or leave Audience out")
	case cfg.NewClaims() == nil:
		return errors.New("auth: JWT NewClaims returned nil: return a pointer to a new value")
	}
	if err := weburl.CheckPublic("Resource", cfg.Resource); err != nil {
		return fmt.Errorf("auth: JWT %w", err)
	}
	return nil
}

// checkIssued demands what tells the tokens for this server from others of the same keys.
func (cfg *JWTConfig) checkIssued(keys source) error {
	switch {
	case !keys.shared:
		return nil
	case cfg.Issuer == "":
		return errors.New("auth: JWKS requires Issuer: the `iss` of its tokens")
	case cfg.Resource == "" && len(cfg.Audience) == 0:
		return errors.New("auth: JWKS requires Resource, the URL of this server, or Audience: tokens that the issuer made for others must not work here")
	}
	return nil
}

// jwtVerifier turns a JWT into a principal.
type jwtVerifier struct {
	parser    *jwt.Parser
	validator *jwt.Validator
	keyfunc   jwt.Keyfunc
	newClaims func() jwt.Claims
	resource  string
	audience  []string // folded, none to accept every audience
	typ       string   // folded, "" to accept every type
	authority string   // names the key where no issuer is checked
	verified  *tokenCache[verifiedToken]
	honoured  time.Duration // how long a key that may be withdrawn is trusted unseen, 0 for ever
}

// verifiedToken is what is left of a token whose signature was right.
type verifiedToken struct {
	principal Principal
	claims    jwt.Claims
}

func newJWTVerifier(cfg JWTConfig, keys source) *jwtVerifier {
	options := []jwt.ParserOption{
		jwt.WithValidMethods(keys.algorithms), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(cfg.Leeway), jwt.WithStrictDecoding(),
	}
	v := &jwtVerifier{
		keyfunc: keys.find, honoured: keys.honoured, newClaims: cfg.NewClaims,
		resource: cfg.Resource, audience: audiences(cfg.Resource, cfg.Audience), typ: foldType(cfg.Type),
		verified: newTokenCache[verifiedToken](cfg.CacheSize),
	}
	if cfg.Issuer != "" {
		options = append(options, jwt.WithIssuer(cfg.Issuer))
	} else {
		v.authority = keys.authority
	}
	v.parser, v.validator = jwt.NewParser(options...), jwt.NewValidator(options...)
	return v
}

// Resource implements [AudienceVerifier].
func (v *jwtVerifier) Resource() string { return v.resource }

// Audience implements [AudienceVerifier].
func (v *jwtVerifier) Audience() []string { return slices.Clone(v.audience) }

// Verify implements [Verifier].
func (v *jwtVerifier) Verify(_ context.Context, raw string) (*Principal, error) {
	digest := sha256.Sum256([]byte(raw))
	if t, ok := v.verified.get(digest); ok {
		if err := v.validator.Validate(t.claims); err != nil {
			v.verified.remove(digest)
			return nil, invalid(err)
		}
		p := t.principal // a copy, so that what one request does to it stays there
		return &p, nil
	}
	p, err := v.parse(raw, digest)
	if err != nil {
		return nil, err
	}
	v.verified.put(digest, verifiedToken{*p, p.Claims.(jwt.Claims)}, v.honoured)
	return p, nil
}

func (v *jwtVerifier) parse(raw string, digest [sha256.Size]byte) (*Principal, error) {
	token, err := v.parser.ParseWithClaims(raw, v.newClaims(), v.keyfunc)
	if err != nil {
		var answer *echo.HTTPError
		if errors.As(err, &answer) || errors.Is(err, errNoKeys) {
			return nil, err
		}
		return nil, invalid(err)
	}
	if _, critical := token.Header["crit"]; critical { // an extension that must be understood (RFC 7515 section 4.1.11)
		return nil, ErrInvalidToken
	}
	if typ, _ := token.Header["typ"].(string); v.typ != "" && foldType(typ) != v.typ {
		return nil, ErrInvalidToken
	}
	if err := checkDates(token.Claims); err != nil {
		return nil, invalid(err)
	}
	aud, err := token.Claims.GetAudience()
	if err != nil || !forUs(v.audience, aud) {
		return nil, invalid(jwt.ErrTokenInvalidAudience)
	}
	p := &Principal{Claims: token.Claims}
	if p.Issuer, err = token.Claims.GetIssuer(); err != nil {
		return nil, invalid(err)
	}
	if p.Subject, err = token.Claims.GetSubject(); err != nil {
		return nil, invalid(err)
	}
	switch {
	case p.Subject == "":
		p.ID = tokenID(digest)
	case v.authority != "":
		p.ID = v.authority + "\x00" + p.Issuer + "\x00" + p.Subject
	}
	if p.Scopes, err = v.scopes(token); err != nil {
		return nil, invalid(err)
	}
	p.Scopes = slices.Clip(p.Scopes) // shared with later requests, so an append must copy
	return p, nil
}

// foldType makes media types comparable. (RFC 7515 section 4.1.9)
func foldType(typ string) string { return strings.TrimPrefix(strings.ToLower(typ), "application/") }
