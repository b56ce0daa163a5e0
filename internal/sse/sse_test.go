package sse_test

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/sse"
)

// writer records what a stream does to a response, in order.
type writer struct {
	*httptest.ResponseRecorder
	did   []string
	until time.Time
	fails error
}

func (w *writer) Write(b []byte) (int, error) {
	w.did = append(w.did, "write")
	if w.fails != nil {
		return 0, w.fails
	}
	return w.ResponseRecorder.Write(b)
}

func (w *writer) FlushError() error {
	w.did = append(w.did, "flush")
	return nil
}

func (w *writer) SetWriteDeadline(until time.Time) error {
	w.did, w.until = append(w.did, "deadline"), until
	return nil
}

func TestAStreamIsReadWhileItIsWritten(t *testing.T) {
	e := echo.New()
	read := make(chan struct{})
	e.GET("/", func(c echo.Context) error {
		s := sse.Open(c.Response())
		defer s.Close()
		for _, message := range []string{`{"id":1}`, `{"id":2}`} {
			if err := s.Send([]byte(message), time.Now().Add(time.Minute)); err != nil {
				return err
			}
			<-read // the next message waits until this one has come
		}
		return nil
	})
	srv := httptest.NewServer(e)
	defer srv.Close()
	defer close(read) // so that a test that has failed does not wait for the handler
	client := srv.Client()
	client.Timeout = 10 * time.Second
	res, err := client.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d", res.StatusCode)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-store", "X-Accel-Buffering": "no",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	lines := bufio.NewScanner(res.Body)
	for _, want := range []string{`data: {"id":1}`, "", `data: {"id":2}`, ""} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("got %q, %v, want %q", lines.Text(), lines.Err(), want)
		}
		if want == "" {
			read <- struct{}{}
		}
	}
	if lines.Scan() {
		t.Errorf("more came: %q", lines.Text())
	}
}

func TestEachEventHasItsTimeAndIsFlushed(t *testing.T) {
	w := &writer{ResponseRecorder: httptest.NewRecorder()}
	s := sse.Open(w)
	until := time.Unix(1_800_000_000, 0)
	if err := s.Send([]byte("{}"), until); err != nil {
		t.Fatal(err)
	}
	if got := w.did; len(got) != 3 || got[0] != "deadline" || got[1] != "write" || got[2] != "flush" || !w.until.Equal(until) {
		t.Errorf("did %q until %v", got, w.until)
	}
	s.Close()
	if !w.until.IsZero() {
		t.Errorf("after Close the connection still ends at %v", w.until)
	}
}

func TestAMessageIsWrittenAtOnce(t *testing.T) {
	w := &writer{ResponseRecorder: httptest.NewRecorder()}
	s := sse.Open(w)
	for _, message := range []string{"a long first message", "{}"} {
		w.Body.Reset()
		if err := s.Send([]byte(message), time.Time{}); err != nil || w.Body.String() != "data: "+message+"\n\n" {
			t.Errorf("sent %q, %v", w.Body, err)
		}
	}
}

func TestABrokenConnectionIsReported(t *testing.T) {
	gone := errors.New("gone")
	w := &writer{ResponseRecorder: httptest.NewRecorder(), fails: gone}
	if err := sse.Open(w).Send([]byte("{}"), time.Time{}); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	if last := w.did[len(w.did)-1]; last != "write" {
		t.Errorf("went on with %s after the error", last)
	}
}

// A middleware may wrap the response in a writer that has no deadlines.
func TestAWriterWithoutDeadlinesIsServed(t *testing.T) {
	rec := httptest.NewRecorder()
	s := sse.Open(rec)
	defer s.Close()
	if err := s.Send([]byte("{}"), time.Now()); err != nil || !rec.Flushed {
		t.Errorf("flushed %v, %v", rec.Flushed, err)
	}
}
