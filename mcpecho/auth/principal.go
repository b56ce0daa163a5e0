package auth

import "slices"

// Principal is a verified caller. Sessions, cursors and limits belong to one principal and are
// invisible to every other.
type Principal struct {
	// ID tells callers apart: everything that belongs to a caller is kept under it. Default: made
	// from Issuer and Subject.
	ID string
	// Issuer and Subject are the `iss` and `sub` of the token.
	Issuer, Subject string
	// Scopes are the OAuth scopes that were granted.
	Scopes []string
	// Claims are the verified claims, in the form that the verifier decoded.
	Claims any
}

// HasScope says whether the scope was granted. A nil principal has none.
func (p *Principal) HasScope(scope string) bool {
	return p != nil && slices.Contains(p.Scopes, scope)
}

// Key names the principal as the owner of sessions, cursors and limits: its ID, or else issuer and
// subject. Anonymous callers (nil) share the empty key.
func (p *Principal) Key() string {
	switch {
	case p == nil:
		return ""
	case p.ID != "":
		return p.ID
	default:
		return p.Issuer + "\x00" + p.Subject
	}
}
