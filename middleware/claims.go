package middleware

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

// scopes reads the granted scopes of a verified token: the claim scope (RFC
// 8693 section 4.2) and the claim scp that some issuers use instead. A claim of
// any other form grants nothing.
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
