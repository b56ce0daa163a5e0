// Package location finds out whether a URI that a client asks for is that of a resource, and what
// the variables of its template are there. (RFC 6570)
//
// A URI is compared with the literal ends of a template first, and then with one regular
// expression, whose time is linear. The matcher of package uritemplate takes microseconds for each
// byte, and copies for it all values that it has found so far, before any limit of a caller
// applies: so URIs that only this matcher can take apart (lists, prefixes, expressions without a
// text between them) are bounded.
package location
