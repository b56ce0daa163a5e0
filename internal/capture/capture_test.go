package capture_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/mcpecho/kit/internal/capture"
)

// begin returns a captured response and the real one behind it.
func begin(t *testing.T) (*capture.Response, *httptest.ResponseRecorder) {
	t.Helper()
	e, rec := echo.New(), httptest.NewRecorder()
	r := &capture.Response{}
	r.Begin(echo.NewResponse(rec, e), e)
	return r, rec
}

// answer runs handler through a real Echo context on the captured response.
func answer(t *testing.T, r *capture.Response, handler echo.HandlerFunc, header ...string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, "/", nil)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	c := echo.New().NewContext(req, nil)
	c.SetResponse(&r.Echo)
	if err := handler(c); err != nil {
		t.Fatal(err)
	}
}

func body(t *testing.T, r *capture.Response) string {
	t.Helper()
	b, err := r.Body()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWhatAHandlerWritesDoesNotReachTheRealResponse(t *testing.T) {
	r, rec := begin(t)
	answer(t, r, func(c echo.Context) error {
		return c.JSON(http.StatusTeapot, map[string]int{"n": 1})
	})
	r.Echo.Flush()
	r.Close()
	if rec.Body.Len() > 0 || len(rec.Header()) > 0 || rec.Flushed {
		t.Errorf("the real response got %q with headers %v", rec.Body, rec.Header())
	}
	if r.Status() != http.StatusTeapot || body(t, r) != "{\"n\":1}\n" || r.ContentType() != "application/json" {
		t.Errorf("captured %d %q of type %q", r.Status(), body(t, r), r.ContentType())
	}
}

func TestAResponseThatNothingWasWrittenToHasNoStatus(t *testing.T) {
	r, _ := begin(t)
	if r.Status() != 0 || r.Echo.Status != http.StatusOK || r.Headers() != nil || body(t, r) != "" {
		t.Errorf("status %d, in Echo %d, headers %v, body %q", r.Status(), r.Echo.Status, r.Headers(), body(t, r))
	}
}

func TestTheFirstFinalStatusCounts(t *testing.T) {
	r, _ := begin(t)
	r.WriteHeader(http.StatusEarlyHints)
	if r.Status() != 0 {
		t.Errorf("an interim status counts: %d", r.Status())
	}
	r.WriteHeader(http.StatusCreated)
	r.WriteHeader(http.StatusNotFound)
	if r.Status() != http.StatusCreated {
		t.Errorf("status %d, want %d", r.Status(), http.StatusCreated)
	}
}

func TestContentTypeIsInLowerCaseAndWithoutParameters(t *testing.T) {
	r, _ := begin(t)
	r.Header().Set(echo.HeaderContentType, " Text/HTML ; charset=UTF-8")
	if got := r.ContentType(); got != "text/html" {
		t.Errorf("got %q", got)
	}
}

func TestTheBodyIsBounded(t *testing.T) {
	r, _ := begin(t)
	if n, err := r.Write(make([]byte, capture.MaxBody)); n != capture.MaxBody || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	if n, err := r.Write([]byte("x")); n != 0 || !errors.Is(err, capture.ErrTooLarge) {
		t.Errorf("one byte more: wrote %d, %v", n, err)
	}
	if _, err := r.Body(); !errors.Is(err, capture.ErrTooLarge) {
		t.Errorf("the body of which a part is missing: %v", err)
	}
	r.Drop()
	if body(t, r) != "" || r.Status() != 0 || r.Echo.Committed {
		t.Errorf("after Drop: status %d, committed %v", r.Status(), r.Echo.Committed)
	}
}

func TestACompressedBodyIsInflated(t *testing.T) {
	r, _ := begin(t)
	answer(t, r, middleware.Gzip()(func(c echo.Context) error {
		return c.String(http.StatusOK, "plain text")
	}), echo.HeaderAcceptEncoding, "gzip")
	if encoding := r.Headers().Get(echo.HeaderContentEncoding); encoding != "gzip" {
		t.Fatalf("the body is encoded as %q, which tests nothing", encoding)
	}
	if got := body(t, r); got != "plain text" {
		t.Errorf("got %q", got)
	}
}

func TestABodyThatInflatesBeyondTheBoundIsAnError(t *testing.T) {
	r, _ := begin(t)
	r.Header().Set(echo.HeaderContentEncoding, "gzip")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(make([]byte, capture.MaxBody+1)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Write(packed.Bytes()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Body(); !errors.Is(err, capture.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestABodyThatIsNotCompressedAsItSaysIsAnError(t *testing.T) {
	r, _ := begin(t)
	r.Header().Set(echo.HeaderContentEncoding, "gzip")
	if _, err := io.WriteString(r, "plain text"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Body(); !errors.Is(err, gzip.ErrHeader) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestRewindUndoesWhatWasWrittenAndSetAfterTheMark(t *testing.T) {
	r, _ := begin(t)
	r.Header().Set("X-Before", "1")
	rewind := r.Mark()
	r.Header().Set("X-After", "1")
	r.Header().Set("X-Before", "2")
	answer(t, r, func(c echo.Context) error { return c.String(http.StatusConflict, "no") })
	rewind()
	if r.Status() != 0 || body(t, r) != "" || r.Echo.Committed {
		t.Errorf("after the rewind: status %d, body %q, committed %v", r.Status(), body(t, r), r.Echo.Committed)
	}
	if h := r.Headers(); h.Get("X-Before") != "1" || h.Get("X-After") != "" {
		t.Errorf("headers after the rewind: %v", h)
	}
	answer(t, r, func(c echo.Context) error { return c.String(http.StatusOK, "yes") })
	if r.Status() != http.StatusOK || body(t, r) != "yes" {
		t.Errorf("a new answer after the rewind: %d %q", r.Status(), body(t, r))
	}
}

func TestWhatIsWrittenAfterTheEndIsDroppedWithoutAnError(t *testing.T) {
	r, _ := begin(t)
	answer(t, r, func(c echo.Context) error { return c.String(http.StatusOK, "in time") })
	r.Close()
	r.WriteHeader(http.StatusNotFound)
	if n, err := io.WriteString(r, ", late"); n != len(", late") || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if r.Status() != http.StatusOK || body(t, r) != "in time" {
		t.Errorf("got %d %q", r.Status(), body(t, r))
	}
}

func TestWhatIsToRunBeforeTheResponseRunsOnceThoughNothingWasWritten(t *testing.T) {
	for _, writes := range []bool{false, true} {
		r, _ := begin(t)
		ran := 0
		r.Echo.Before(func() { ran++ })
		if writes {
			answer(t, r, func(c echo.Context) error { return c.NoContent(http.StatusAccepted) })
		}
		r.Close()
		r.Close()
		if ran != 1 {
			t.Errorf("writes %v: ran %d times", writes, ran)
		}
		if !writes && r.Status() != 0 {
			t.Errorf("nothing was written, and the status is %d", r.Status())
		}
	}
}

func TestHeadersAreACopyOfTheRealOnes(t *testing.T) {
	r, rec := begin(t)
	rec.Header().Set("X-Request-Id", "7")
	rec.Header().Set("Content-Type", "text/event-stream")
	r.Header().Set("X-New", "1")
	r.Header().Del("X-Request-Id")
	if rec.Header().Get("X-Request-Id") != "7" || rec.Header().Get("X-New") != "" {
		t.Errorf("the real headers changed at once: %v", rec.Header())
	}
	if r.ContentType() != "" {
		t.Errorf("the type of the real response, %q, is taken for that of what is written", r.ContentType())
	}
	r.HandHeadersOn()
	if rec.Header().Get("X-Request-Id") != "" || rec.Header().Get("X-New") != "1" {
		t.Errorf("the headers were not handed on: %v", rec.Header())
	}
}

func TestHeadersThatNobodyLookedAtLeaveTheRealOnesAlone(t *testing.T) {
	r, rec := begin(t)
	rec.Header().Set("X-Request-Id", "7")
	r.HandHeadersOn()
	r.Header().Del("X-Request-Id")
	r.DropHeaders()
	r.HandHeadersOn()
	if rec.Header().Get("X-Request-Id") != "7" {
		t.Errorf("real headers: %v", rec.Header())
	}
}

// What describes the captured body would be false of the JSON-RPC message that is sent in its
// place, and a wrong Transfer-Encoding or Content-Length breaks the connection.
func TestHeadersOfTheCapturedBodyAreNotHandedOn(t *testing.T) {
	for _, name := range []string{
		"Transfer-Encoding", "Trailer", "Etag", "Last-Modified", "Accept-Ranges", "Location",
		"Content-Type", "Content-Length", "Content-Encoding", "Content-Disposition", "Content-Range",
	} {
		r, rec := begin(t)
		r.Header().Set(name, "of the captured body")
		r.HandHeadersOn()
		if got := rec.Header().Get(name); got != "" {
			t.Errorf("%s: %q was handed on", name, got)
		}

		r, rec = begin(t)
		rec.Header().Set(name, "of the reply")
		r.Header().Set("X-New", "1")
		r.HandHeadersOn()
		if got := rec.Header().Get(name); got != "of the reply" {
			t.Errorf("%s of the reply became %q", name, got)
		}
	}
	for _, name := range []string{"Content-Security-Policy", "Content-Security-Policy-Report-Only", "Cache-Control"} {
		r, rec := begin(t)
		r.Header().Set(name, "x")
		r.HandHeadersOn()
		if rec.Header().Get(name) != "x" {
			t.Errorf("%s says nothing of the body and was not handed on", name)
		}
	}
}

func TestMergeAddsToHeadersThatSeveralMiddlewaresSet(t *testing.T) {
	h := http.Header{"Set-Cookie": {"a=1", "b=1"}, "Vary": {"Origin"}, "X-Kept": {"old"}, "X-Gone": {"old"}}
	capture.Merge(h, http.Header{"Set-Cookie": {"b=1", "c=1"}, "Vary": {"Cookie"}, "X-Kept": {"new"}})
	for name, want := range map[string][]string{
		"Set-Cookie": {"a=1", "b=1", "c=1"}, "Vary": {"Origin", "Cookie"}, "X-Kept": {"new"}, "X-Gone": nil,
	} {
		if !slices.Equal(h[name], want) {
			t.Errorf("%s: %q, want %q", name, h[name], want)
		}
	}
}

// A middleware that gives up waiting answers while the handler that it has left still writes.
func TestAResponseMayBeReadWhileItIsWritten(t *testing.T) {
	r, _ := begin(t)
	r.Header()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			_, _ = r.Write([]byte("x"))
		}
	}()
	for range 1000 {
		_, _ = r.Body()
		_ = r.Status()
	}
	<-done
	if got := len(body(t, r)); got != 1000 {
		t.Errorf("%d bytes, want 1000", got)
	}
}
