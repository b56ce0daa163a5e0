// Package auth turns the token of a request into the caller who sent it.
//
// It knows nothing of MCP, and of Echo only the type [echo.HTTPError], so that it serves in any Go
// server. In front of an MCP server or an Echo route it works through mw.BearerWithConfig of
// package middleware, which takes the token out of the request, asks a [Verifier] of this package,
// and answers who has no valid token.
//
// # What a principal is
//
// A [Principal] is a verified caller: who it is, which OAuth scopes were granted, and the claims of
// the token. [Principal.Key] tells callers apart. Sessions, cursors and rate limits are kept under
// it, so two callers with one key share all of them. It is made of the issuer and the subject, or
// of the ID where a verifier sets one. The verifiers of this package set one in two cases: for
// tokens whose issuer is not checked, so that callers belong to the key that signed, and for a
// token without a subject, which is a caller by itself.
//
// # Tokens that your application makes
//
// The application has a secret, its login signs tokens with it, and nobody else does. [Secret]
// takes HS256 tokens; mw.Bearer(key) is the short form of this.
//
//	verifier := auth.JWT(auth.JWTConfig{Keys: auth.Secret([]byte(os.Getenv("JWT_SECRET")))})
//
// # Tokens of an identity provider
//
// The provider signs with private keys and publishes the public ones as a key set at a URL. Name
// three things: where the keys are, the `iss` of the tokens, and the URL of this server, which must
// be the `aud`. Without an Issuer, and without a Resource or an Audience, the program does not
// start.
//
//	srv.Mount(e.Group("/mcp"), mw.BearerWithConfig(mw.BearerConfig{
//		Verifier: auth.JWT(auth.JWTConfig{
//			Keys:     auth.JWKS("https://login.example.com/keys"),
//			Issuer:   "https://login.example.com",
//			Resource: "https://api.example.com/mcp",
//		}),
//	}))
//
// [JWKSConfig] is for a provider behind a proxy or a private certificate authority, and for other
// algorithms than RS256, ES256 and EdDSA:
//
//	Keys: auth.JWKSConfig{URL: "https://login.internal/keys", Client: client},
//
// # One public key, or keys that your code finds
//
// [PublicKey] is for a signer that has one key and no key set. [Keyfunc] is for everything else, as
// a key for each tenant. A function has no default algorithms: name them.
//
//	one := auth.JWT(auth.JWTConfig{Keys: auth.PublicKey(public)})
//	tenants := auth.JWT(auth.JWTConfig{
//		Keys: auth.Keyfunc(func(t *jwt.Token) (any, error) { return keyOfTenant(t) }, "RS256"),
//	})
//
// # Opaque tokens
//
// A token that only its authorization server can read is looked up there (RFC 7662). Answers are
// remembered for 30 seconds, so a revoked token works for that long.
//
//	verifier := auth.Introspect(auth.IntrospectConfig{
//		URL: "https://login.example.com/introspect", ClientID: "mcp", ClientSecret: secret,
//		Resource: "https://api.example.com/mcp",
//	})
//
// # API keys
//
// A partner without a login gets a key. [NewAPIKey] makes one and says what to keep: a digest,
// which recognises the key and cannot be used as one.
//
//	key, keep := auth.NewAPIKey("partner-7") // show key once, store keep
//	mw.BearerWithConfig(mw.BearerConfig{
//		Verifier: auth.APIKeys(map[string]auth.APIKey{"partner-7": keep}),
//		Header:   "X-API-Key",
//	})
//
// # Your own
//
// Any type with the method Verify is a verifier, and any function is one by [VerifierFunc]. It may
// ask one of the others first, here to add the role that a user has in the application. Give Issuer
// and Resource to the verifier that is asked: from outside nobody sees what it checks.
//
//	func (v staff) Verify(ctx context.Context, token string) (*auth.Principal, error) {
//		p, err := v.tokens.Verify(ctx, token)
//		if err == nil && v.isAdmin(ctx, p.Subject) {
//			p.Scopes = append(p.Scopes, "admin")
//		}
//		return p, err
//	}
//
// # In another server
//
// [Verify] asks a verifier as mw.Bearer does, and [Reason] is the word for the log:
//
//	p, err := auth.Verify(r.Context(), verifier, token)
//	if err != nil {
//		word, outage := auth.Reason(err)
//
// # Security
//
// A signature says who made a token, not for whom. One identity provider makes tokens for many
// servers, and each of them could send a token that it was given on to yours. So a token of
// somebody else must name this server as its audience.
//
// Right:
//
//	auth.JWT(auth.JWTConfig{
//		Keys: auth.PublicKey(public), Issuer: issuer, Resource: "https://api.example.com/mcp",
//	})
//
// Wrong, because a token for every other server of the issuer is accepted:
//
//	auth.JWT(auth.JWTConfig{Keys: auth.PublicKey(public), Issuer: issuer})
//
// With [JWKS] the program does not start without Resource or Audience, and neither does a mw.Bearer
// whose Resource is set while its JWT verifier takes every audience. A [Secret] or PublicKey alone
// is for tokens that are made for this server and for no other.
package auth
