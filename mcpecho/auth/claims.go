package auth

import (
	"errors"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

// scopes reads the granted scopes of a verified token: the claim scope (RFC 8693 section 4.2) and
// the claim scp that some issuers use instead. A claim of any other form grants nothing.
func (v *jwtVerifier) scopes(token *jwt.Token) ([]string, error) {
	claims, ok := token.Claims.(jwt.MapClaims)
	if !ok { // a type of the application's own need not have these two
		payload, err := v.parser.DecodeSegment(strings.Split(token.Raw, ".")[1])
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(payload, &claims); err != nil {
			return nil, err
		}
	}
	return append(listed(claims["scope"]), listed(claims["scp"])...), nil
}

func listed(claim any) []string {
	switch claim := claim.(type) {
	case string:
		return strings.Fields(claim)
	case []any:
		var all []string
		for _, v := range claim {
			if s, ok := v.(string); ok && s != "" {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}

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

// lastSecond is the end of the year 9999, in Unix time.
const lastSecond = 253402300799

// checkDates refuses times outside of the years 1970 to 9999. A number too large for a time becomes
// one far in the past on the way, which `nbf` and `iat` would pass.
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

var errDate = errors.New("auth: a time of the token is outside of the years 1970 to 9999")
