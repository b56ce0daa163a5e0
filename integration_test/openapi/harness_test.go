package openapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi/datamodel"
)

// api is a server with the document by which its clients know it.
type api struct {
	t         *testing.T
	url       string
	authorize func(*http.Request)
	document  []byte
	validator validator.Validator
}

// serve fetches the document of an application and validates it.
func serve(t *testing.T, e *echo.Echo, path string, authorize func(*http.Request)) *api {
	t.Helper()
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	a := &api{t: t, url: server.URL, authorize: authorize}
	status, body := a.send(a.request("GET", path, ""))
	if status.StatusCode != http.StatusOK || status.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s: %s", status.StatusCode, status.Header.Get("Content-Type"), body)
	}
	a.document = body
	// A tree whose leaves have empty lists is no circle.
	document, err := libopenapi.NewDocumentWithConfiguration(body, &datamodel.DocumentConfiguration{IgnoreArrayCircularReferences: true})
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(document, config.WithFormatAssertions(), config.WithRejectUndeclaredRequestBody())
	if len(errs) > 0 {
		t.Fatalf("%v in %s", errs, body)
	}
	if ok, found := v.ValidateDocument(); !ok {
		t.Fatalf("the document is invalid: %s in %s", describe(found), body)
	}
	a.validator = v
	return a
}

func (a *api) request(method, path, body string) *http.Request {
	request, err := http.NewRequestWithContext(context.Background(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if a.authorize != nil {
		a.authorize(request)
	}
	return request
}

func (a *api) send(request *http.Request) (*http.Response, []byte) {
	a.t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, body
}

// call sends a request and holds it and its reply to the document.
func (a *api) call(method, path, body string, want int) string {
	a.t.Helper()
	response, got := a.send(a.request(method, path, body))
	if response.StatusCode != want {
		a.t.Errorf("%s %s: %d, want %d: %s", method, path, response.StatusCode, want, got)
	}
	if ok, found := a.validator.ValidateHttpRequestResponse(a.request(method, path, body), response); !ok {
		a.t.Errorf("%s %s %s: %s; the reply was %s", method, path, body, describe(found), got)
	}
	return string(got)
}

// refused sends a request that the document refuses, and that the server must refuse too.
func (a *api) refused(method, path, body string, want int) {
	a.t.Helper()
	if ok, _ := a.validator.ValidateHttpRequest(a.request(method, path, body)); ok {
		a.t.Errorf("%s %s %s is valid by the document", method, path, body)
	}
	response, got := a.send(a.request(method, path, body))
	if response.StatusCode != want {
		a.t.Errorf("%s %s: %d, want %d: %s", method, path, response.StatusCode, want, got)
	}
	if ok, found := a.validator.ValidateHttpResponse(a.request(method, path, body), response); !ok {
		a.t.Errorf("%s %s: the reply %s is not in the document: %s", method, path, got, describe(found))
	}
}

func describe(found []*errors.ValidationError) string {
	var b strings.Builder
	for _, e := range found {
		b.WriteString(e.Error() + "; ")
		for _, s := range e.SchemaValidationErrors {
			b.WriteString(s.Error() + "; ")
		}
	}
	return b.String()
}
