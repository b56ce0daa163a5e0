package auth

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	fetchTimeout = 5 * time.Second
	maxFetch     = 64 << 10 // bytes
)

// fetcher makes bounded requests to a server that the operator has named. It follows no redirect:
// that server has no say in where else to go.
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
		return nil, fmt.Errorf("auth: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("auth: %s answered with status %d", r.URL.Redacted(), response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxFetch+1))
	if err != nil {
		return nil, fmt.Errorf("auth: reading from %s: %w", r.URL.Redacted(), err)
	}
	if len(body) > maxFetch {
		return nil, fmt.Errorf("auth: %s answered with more than %d bytes", r.URL.Redacted(), maxFetch)
	}
	return body, nil
}
