package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// launch runs the example until the test ends it, and returns its start-up text.
func launch(t *testing.T, secret string) (text string, end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	path := filepath.Join(t.TempDir(), "invoices.db")
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, w, "localhost:0", path, secret)
		w.CloseWithError(err)
		done <- err
	}()
	var b strings.Builder
	for lines := bufio.NewScanner(r); lines.Scan(); {
		b.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "--method tools/call") { // the last line
			break
		}
	}
	go io.Copy(io.Discard, r)
	return b.String(), func() error { cancel(); return <-done }
}

func get(t *testing.T, url, token string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

var (
	restURL = regexp.MustCompile(`http://localhost:\d+/invoices`)
	anyJWT  = regexp.MustCompile(`(?m)^eyJ\S+$`)
)

func TestWithoutASecretItPrintsTokensThatWork(t *testing.T) {
	text, end := launch(t, "")
	tokens := anyJWT.FindAllString(text, -1)
	if len(tokens) != 2 {
		t.Fatalf("%d tokens in the start-up text:\n%s", len(tokens), text)
	}
	for i, want := range []struct{ subject, scope string }{{"reader", "invoices:read"}, {"writer", "invoices:read invoices:write"}} {
		claims := jwt.MapClaims{}
		if _, _, err := jwt.NewParser().ParseUnverified(tokens[i], claims); err != nil {
			t.Fatal(err)
		}
		expires, _ := claims.GetExpirationTime()
		if left := time.Until(expires.Time); claims["sub"] != want.subject || claims["scope"] != want.scope || claims["iss"] != nil || left < 23*time.Hour || left > 24*time.Hour {
			t.Errorf("claims %v", claims)
		}
		if status, body := get(t, restURL.FindString(text), tokens[i]); status != http.StatusOK || !strings.Contains(body, `"number":"A-3"`) {
			t.Errorf("status %d: %s", status, body)
		}
	}
	for _, chain := range []string{"scopes → ratelimit → narrow → audit → validate → transaction → handle → serialize", "handle → filter → order → paginate → fetch → serialize"} {
		if !strings.Contains(text, chain) {
			t.Errorf("the start-up text lacks the chain %s:\n%s", chain, text)
		}
	}
	if err := end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestWithASecretItAcceptsTokensSignedWithItAndPrintsNone(t *testing.T) {
	for _, secret := range []string{"short", "a secret of more than thirty-two bytes"} {
		text, end := launch(t, secret)
		if strings.Contains(text, "eyJ") || strings.Contains(text, secret) {
			t.Errorf("the start-up text has a token or the secret:\n%s", text)
		}
		token, err := sign([]byte(secret), "ann", "invoices:read")
		if err != nil {
			t.Fatal(err)
		}
		if status, body := get(t, restURL.FindString(text), token); status != http.StatusOK {
			t.Errorf("secret %q: status %d: %s", secret, status, body)
		}
		if status, _ := get(t, restURL.FindString(text), token+"x"); status != http.StatusUnauthorized {
			t.Errorf("secret %q: a spoiled token got status %d", secret, status)
		}
		if err := end(); err != nil {
			t.Errorf("it ended with %v", err)
		}
	}
}

func TestItSaysWhyItCannotStart(t *testing.T) {
	dir := t.TempDir()
	if err := run(t.Context(), io.Discard, "localhost:0", filepath.Join(dir, "no", "such", "folder.db"), ""); err == nil || !strings.Contains(err.Error(), "cannot open") {
		t.Errorf("an impossible database: %v", err)
	}
	if err := run(t.Context(), io.Discard, "localhost:99999", filepath.Join(dir, "invoices.db"), ""); err == nil || !strings.Contains(err.Error(), "99999") {
		t.Errorf("an impossible address: %v", err)
	}
}
