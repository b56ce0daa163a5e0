package middleware

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	fetchTimeout = 5 * time.Second
	maxFetch     = 64 << 10 // bytes
)

// fetcher makes bounded requests to a server that the operator has named. It
// follows no redirect: that server has no say in where else to go.
type fetcher struct{ client http.Client }

func newFetcher(client *http.Client) fetcher {
	f := fetcher{http.Client{
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if client != nil {
		f.client.Transport = client.Transport
	}
	return f
}

// do returns the body of a response with status 200.
func (f *fetcher) do(r *http.Request) ([]byte, error) {
	r.Header.Set("Accept", "application/json")
	response, err := f.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("middleware: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("middleware: %s answered with status %d", r.URL.Redacted(), response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxFetch+1))
	if err != nil {
		return nil, fmt.Errorf("middleware: reading from %s: %w", r.URL.Redacted(), err)
	}
	if len(body) > maxFetch {
		return nil, fmt.Errorf("middleware: %s answered with more than %d bytes", r.URL.Redacted(), maxFetch)
	}
	return body, nil
}

// checkFetchURL demands https, or http of a loopback address where allowed.
func checkFetchURL(field, address string, loopback bool) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Fragment != "" || !(u.Scheme == "https" || loopback && u.Scheme == "http" && isLoopback(u)) {
		return fmt.Errorf("middleware: %s %q must be an https URL", field, address)
	}
	return nil
}

// checkPublicURL demands a URL that may be sent to clients, "" included.
func checkPublicURL(field, address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.Contains(address, "#") ||
		!(u.Scheme == "https" || u.Scheme == "http" && isLoopback(u)) {
		return fmt.Errorf("middleware: %s %q must be an absolute https URL without a fragment, as https://api.example.com/mcp (http on localhost only)", field, address)
	}
	return checkQuotable(field, address)
}

func isLoopback(u *url.URL) bool {
	addr, err := netip.ParseAddr(u.Hostname())
	return strings.EqualFold(u.Hostname(), "localhost") || err == nil && addr.Unmap().IsLoopback()
}
