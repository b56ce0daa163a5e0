package auth

import (
	"cmp"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"

	"github.com/mcpecho/kit/internal/weburl"
)

// JWKSConfig is [JWKS] with a configuration: it is [Keys] itself.
type JWKSConfig struct {
	// URL is the https URL of the key set. Required.
	URL string
	// Algorithms are the only values of `alg` that are accepted, none of them HMAC. Default: RS256,
	// ES256 and EdDSA.
	Algorithms []string
	// Refresh is the age at which keys are fetched again, in the background of the request that
	// notices. Default: 5 min. A key that has left the set is honoured for at most this long plus a
	// minute.
	Refresh time.Duration
	// Client fetches the key set, for an issuer behind a proxy or a private certificate authority.
	// Only its Transport is used: time (5 s), size (64 KiB) and redirects (none) stay bounded.
	// Optional.
	Client *http.Client
	// LoopbackHTTP lets URL be an http URL of a loopback address, for tests.
	LoopbackHTTP bool
}

// JWKS is the JSON Web Key Set (RFC 7517) that an issuer publishes at an https URL. It is fetched
// when a token first needs it, then every 5 minutes, and for a token that names an unknown key,
// though not more than once in 10 s. While it cannot be fetched the last keys stay good; without
// any keys yet, or for an unknown one, the answer is 503.
//
// It requires [JWTConfig.Issuer], and Resource or Audience, since the issuer makes tokens for
// others too.
func JWKS(url string) Keys { return JWKSConfig{URL: url} }

func (cfg JWKSConfig) source() (source, error) {
	if cfg.Algorithms == nil {
		cfg.Algorithms = []string{"RS256", "ES256", "EdDSA"}
	}
	cfg.Refresh = cmp.Or(cfg.Refresh, 5*time.Minute)
	if err := weburl.CheckFetch("JWKS URL", cfg.URL, cfg.LoopbackHTTP); err != nil {
		return source{}, fmt.Errorf("auth: %w", err)
	}
	if cfg.Refresh < 0 {
		return source{}, fmt.Errorf("auth: JWKS Refresh %s is negative: leave it 0 for its default", cfg.Refresh)
	}
	if err := checkAlgorithms(cfg.Algorithms); err != nil {
		return source{}, err
	}
	if countHMAC(cfg.Algorithms) > 0 {
		return source{}, errors.New("auth: JWKS is for public keys: a secret is no secret at a URL, so use Secret for HS256")
	}
	return source{
		find: newRemoteKeys(cfg).keyfunc(), algorithms: slices.Clone(cfg.Algorithms),
		honoured: min(maxHonoured, cfg.Refresh), shared: true,
	}, nil
}

// fetchPause is the least time between two fetches of a key set, so that tokens with made-up key
// ids cannot make it a target.
const fetchPause = 10 * time.Second

// errNoKeys is the failure to look for a key, which says nothing about the token.
var errNoKeys = errors.New("auth: the key set of the issuer cannot be fetched")

// remoteKeys is a key set at a URL, in memory. It is fetched by the requests that need it, so that
// a server without calls keeps no goroutine.
type remoteKeys struct {
	jwkset.Storage // the last good keys

	url     string
	fetcher fetcher
	refresh time.Duration // age at which keys are fetched anew
	pause   time.Duration // least time between fetches

	fetching sync.Mutex
	waiting  atomic.Int64 // for the first keys
	last     atomic.Pointer[fetched]
}

// fetched is what is known about the fetches so far.
type fetched struct {
	tried, loaded time.Time // loaded: zero before the first success
	err           error     // of the last try
}

func newRemoteKeys(cfg JWKSConfig) *remoteKeys {
	r := &remoteKeys{
		Storage: jwkset.NewMemoryStorage(), url: cfg.URL, fetcher: newFetcher(cfg.Client),
		refresh: cfg.Refresh, pause: min(fetchPause, cfg.Refresh),
	}
	r.last.Store(&fetched{})
	return r
}

// keyfunc finds the key of a token: by its `kid`, whose `alg` must then be the token's, or among
// all keys when it has none.
func (r *remoteKeys) keyfunc() jwt.Keyfunc {
	return must(keyfunc.New(keyfunc.Options{Storage: r})).Keyfunc
}

// KeyRead implements [jwkset.Storage].
func (r *remoteKeys) KeyRead(ctx context.Context, id string) (jwkset.JWK, error) {
	r.freshen()
	key, err := r.Storage.KeyRead(ctx, id)
	if !errors.Is(err, jwkset.ErrKeyNotFound) {
		return key, err
	}
	if err := r.fetch(); err != nil {
		return key, err
	}
	if key, err = r.Storage.KeyRead(ctx, id); errors.Is(err, jwkset.ErrKeyNotFound) && r.last.Load().err != nil {
		return key, fmt.Errorf("%w: %w", errNoKeys, r.last.Load().err)
	}
	return key, err
}

// KeyReadAll implements [jwkset.Storage].
func (r *remoteKeys) KeyReadAll(ctx context.Context) ([]jwkset.JWK, error) {
	r.freshen()
	if r.last.Load().loaded.IsZero() {
		if err := r.fetch(); err != nil {
			return nil, err
		}
	}
	if last := r.last.Load(); last.loaded.IsZero() {
		return nil, fmt.Errorf("%w: %w", errNoKeys, last.err)
	}
	return r.Storage.KeyReadAll(ctx)
}

// freshen fetches old keys anew without making the caller wait.
func (r *remoteKeys) freshen() {
	last := r.last.Load()
	if last.loaded.IsZero() || time.Since(last.loaded) < r.refresh || time.Since(last.tried) < r.pause {
		return
	}
	if r.fetching.TryLock() {
		go func() {
			defer r.fetching.Unlock()
			r.fetchLocked()
		}()
	}
}

// fetch fetches the keys unless that was tried within the pause. Callers that meet wait for the one
// that goes as long as there are no keys at all; later only made-up and brand-new keys come here,
// which must not hold requests while an issuer hangs.
func (r *remoteKeys) fetch() error {
	if !r.fetching.TryLock() {
		defer r.waiting.Add(-1)
		if r.waiting.Add(1) >= maxLookups || !r.last.Load().loaded.IsZero() {
			return fmt.Errorf("%w: a fetch is in progress", errNoKeys)
		}
		r.fetching.Lock()
	}
	defer r.fetching.Unlock()
	if last := r.last.Load(); last.tried.IsZero() || time.Since(last.tried) >= r.pause {
		r.fetchLocked()
	}
	return nil
}

func (r *remoteKeys) fetchLocked() {
	next := *r.last.Load()
	next.tried = time.Now()
	if next.err = r.load(); next.err == nil {
		next.loaded = next.tried
	}
	r.last.Store(&next)
}

// load replaces the keys by those at the URL, or leaves them as they are.
func (r *remoteKeys) load() (err error) {
	defer func() {
		if v := recover(); v != nil { // it may run on a goroutine of its own
			err = fmt.Errorf("auth: the key set at %s: %v", r.url, v)
		}
	}()
	request, err := http.NewRequest(http.MethodGet, r.url, nil) //nolint:noctx // bounded by the fetcher, and shared by requests
	if err != nil {
		return err
	}
	body, err := r.fetcher.do(request)
	if err != nil {
		return err
	}
	keys, err := publicKeys(body)
	if err != nil {
		return fmt.Errorf("auth: the key set at %s: %w", r.url, err)
	}
	return r.KeyReplaceAll(context.Background(), keys)
}

// publicKeys reads the keys that signatures can be verified with. Others are left out, so that one
// new kind of key does not lose the rest.
func publicKeys(body []byte) ([]jwkset.JWK, error) {
	var set jwkset.JWKSMarshal
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, err
	}
	var keys []jwkset.JWK
	for _, m := range set.Keys {
		if m.USE == jwkset.UseEnc {
			continue
		}
		// Certificates say nothing that the key does not, and one by reference would have to be
		// fetched.
		m.X5U, m.X5C, m.X5T, m.X5TS256 = "", nil, "", ""
		key, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil {
			continue
		}
		if public, ok := key.Key().(*rsa.PublicKey); ok && public.N.BitLen() < minRSABits || len(algorithmsOf(key.Key())) == 0 {
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no public key for signatures")
	}
	return keys, nil
}
