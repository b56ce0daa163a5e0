package mcpecho

import (
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"
)

// contextOf stands for the context of a request at a door that has no HTTP requests: a POST of
// nothing, that nobody has sent, answered to nobody.
func (s *Server) contextOf(ctx context.Context) echo.Context {
	r := noRequest.WithContext(ctx)
	r.URL, r.Header = &url.URL{Path: "/"}, http.Header{}
	return s.cfg.Echo.NewContext(r, &noResponse{})
}

// noRequest is what all of these requests begin as. It is never changed.
var noRequest = &http.Request{
	Method: http.MethodPost, RequestURI: "/", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
}

// noResponse keeps the headers of a response that nobody gets.
type noResponse struct{ header http.Header }

func (n *noResponse) Header() http.Header {
	if n.header == nil {
		n.header = http.Header{}
	}
	return n.header
}

func (n *noResponse) Write(b []byte) (int, error) { return len(b), nil }

func (n *noResponse) WriteHeader(int) {}
