package middleware

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
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

// jwtVerifier turns a JWT into a principal.
type jwtVerifier struct {
	parser    *jwt.Parser
	validator *jwt.Validator
	keyfunc   jwt.Keyfunc
	newClaims func() jwt.Claims
	audience  []string // folded, none to accept every audience
	typ       string   // folded, "" to accept every type
	authority string   // names the key where no issuer is checked
	verified  *tokenCache[verifiedToken]
	honoured  time.Duration // how long a key that may be withdrawn is trusted unseen, 0 for ever
}

// verifiedToken is what is left of a token whose signature was right.
type verifiedToken struct {
	principal mcpecho.Principal
	claims    jwt.Claims
}

const maxHonoured = time.Minute

func newJWTVerifier(cfg BearerConfig) *jwtVerifier {
	options := []jwt.ParserOption{
		jwt.WithValidMethods(slices.Clone(cfg.Algorithms)), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(cfg.Leeway), jwt.WithStrictDecoding(),
	}
	if cfg.Issuer != "" {
		options = append(options, jwt.WithIssuer(cfg.Issuer))
	}
	v := &jwtVerifier{
		parser: jwt.NewParser(options...), validator: jwt.NewValidator(options...), newClaims: cfg.NewClaims,
		audience: audiences(cfg.Resource, cfg.Audience), typ: foldType(cfg.Type), authority: cfg.authority(),
		verified: newTokenCache[verifiedToken](cfg.CacheSize),
	}
	switch {
	case cfg.JWKS != "":
		v.keyfunc, v.honoured = newRemoteKeys(cfg).keyfunc(), min(maxHonoured, cfg.JWKSRefresh)
	case cfg.Keyfunc != nil:
		v.keyfunc, v.honoured = refuseEmpty(cfg.Keyfunc), maxHonoured
	case cfg.PublicKey != nil:
		v.keyfunc = func(*jwt.Token) (any, error) { return cfg.PublicKey, nil }
	default:
		key := slices.Clone(cfg.Key)
		v.keyfunc = func(*jwt.Token) (any, error) { return key, nil }
	}
	return v
}

// verify is a [Verifier].
func (v *jwtVerifier) verify(_ context.Context, raw string) (*mcpecho.Principal, error) {
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

func (v *jwtVerifier) parse(raw string, digest [sha256.Size]byte) (*mcpecho.Principal, error) {
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
	p := &mcpecho.Principal{Claims: token.Claims}
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

// authority names the key of tokens whose issuer is not checked. Who has the key of
// one Bearer can write every `iss` and `sub`, and must not become a caller of another
// Bearer by that. It is the same on all replicas, and gives the key not away.
func (cfg *BearerConfig) authority() string {
	var name []byte
	switch {
	case cfg.Issuer != "":
		return ""
	case cfg.PublicKey != nil:
		der, err := x509.MarshalPKIXPublicKey(cfg.PublicKey)
		if err != nil {
			return ""
		}
		sum := sha256.Sum256(der)
		name = sum[:]
	case len(cfg.Key) > 0:
		mac := hmac.New(sha256.New, cfg.Key)
		mac.Write([]byte("mcpecho: the callers of this key"))
		name = mac.Sum(nil)
	default:
		return ""
	}
	return "key:" + hex.EncodeToString(name[:16])
}

// lastSecond is the end of the year 9999, in Unix time.
const lastSecond = 253402300799

// checkDates refuses times outside of the years 1970 to 9999. A number too large for
// a time becomes one far in the past on the way, which `nbf` and `iat` would pass.
func checkDates(claims jwt.Claims) error {
	for _, read := range []func() (*jwt.NumericDate, error){
		claims.GetExpirationTime, claims.GetNotBefore, claims.GetIssuedAt,
	} {
		date, err := read()
		if err != nil {
			return err
		}
		if date != nil && (date.Unix() < 0 || date.Unix() > lastSecond) {
			return errDate
		}
	}
	return nil
}

var errDate = errors.New("middleware: a time of the token is outside of the years 1970 to 9999")

func invalid(err error) error { return fmt.Errorf("%w: %w", ErrInvalidToken, err) }

// tokenID names a caller that is known by nothing but its token.
func tokenID(digest [sha256.Size]byte) string { return "token:" + hex.EncodeToString(digest[:]) }

// audiences are the values of `aud` that are accepted.
func audiences(resource string, more []string) []string {
	var all []string
	for _, a := range append([]string{resource}, more...) {
		if a != "" {
			all = append(all, strings.TrimSuffix(a, "/"))
		}
	}
	return all
}

// forUs says whether a token was made for one of the accepted audiences.
func forUs(accepted, aud []string) bool {
	return len(accepted) == 0 || slices.ContainsFunc(aud, func(a string) bool {
		return slices.Contains(accepted, strings.TrimSuffix(a, "/"))
	})
}

// foldType makes media types comparable. (RFC 7515 section 4.1.9)
func foldType(typ string) string { return strings.TrimPrefix(strings.ToLower(typ), "application/") }

// refuseEmpty refuses an empty secret, the zero value that a failed look-up in
// a Keyfunc returns: everyone can make tokens for it.
func refuseEmpty(find jwt.Keyfunc) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		key, err := find(t)
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

var errEmptyKey = errors.New("middleware: bearer Keyfunc returned an empty secret")
