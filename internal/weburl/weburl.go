// Package weburl decides which URLs of a configuration may be fetched from, and which may be told
// to clients.
package weburl

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// CheckFetch demands an https URL, or an http URL of a loopback address where that is allowed. The
// field is named by the error.
func CheckFetch(field, address string, loopbackHTTP bool) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Fragment != "" ||
		!(u.Scheme == "https" || loopbackHTTP && u.Scheme == "http" && isLoopback(u)) {
		return fmt.Errorf("%s %q must be an https URL", field, address)
	}
	return nil
}

// CheckPublic demands a URL that may be sent to clients in a header, "" included. The field is
// named by the error.
func CheckPublic(field, address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || strings.Contains(address, "#") ||
		!(u.Scheme == "https" || u.Scheme == "http" && isLoopback(u)) {
		return fmt.Errorf("%s %q must be an absolute https URL without a fragment, as https://api.example.com/mcp (http on localhost only)", field, address)
	}
	if strings.ContainsFunc(address, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("%s %q must be printable ASCII: it is sent in a header", field, address)
	}
	return nil
}

func isLoopback(u *url.URL) bool {
	addr, err := netip.ParseAddr(u.Hostname())
	return strings.EqualFold(u.Hostname(), "localhost") || err == nil && addr.Unmap().IsLoopback()
}
