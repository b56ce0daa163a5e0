package mcpecho_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpecho/kit/mcpecho"
)

func TestABodyOfARouteMayBeCompressed(t *testing.T) {
	b := setup(t, func(cfg *mcpecho.Config) { cfg.MaxBodyBytes = 1000 })
	b.srv.Add(mcpecho.Service("all", echoed, mcpecho.Route("POST /things")))
	c := b.mountREST()
	zip := func(s string) string {
		var out strings.Builder
		z := gzip.NewWriter(&out)
		_, _ = io.WriteString(z, s)
		_ = z.Close()
		return out.String()
	}
	if r := c.do("POST", "/things", zip(`{"id":7}`), "Content-Encoding", "gzip"); r.String() != `200 {"id":7}` {
		t.Errorf("%s", r)
	}
	if r := c.do("POST", "/things", zip(`{"text":"`+strings.Repeat("a", 5000)+`"}`), "Content-Encoding", "gzip"); r.status != 413 {
		t.Errorf("%s", r)
	}
	if r := c.do("POST", "/things", `{"id":7}`, "Content-Encoding", "br"); r.status != 415 || r.problem(t).Code != "content_encoding" {
		t.Errorf("%s", r)
	}
}

func TestABodyOfARouteThatDoesNotComeIs408(t *testing.T) {
	b := setup(t, func(cfg *mcpecho.Config) { cfg.BodyTimeout = 50 * time.Millisecond })
	b.srv.Add(mcpecho.Service("all", echoed, mcpecho.Route("POST /things")))
	c := b.mountREST()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST /api/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	got := make([]byte, 1024)
	n, err := conn.Read(got)
	if err != nil || !strings.HasPrefix(string(got[:n]), "HTTP/1.1 408 ") || !strings.Contains(string(got[:n]), `"code":"body_time"`) {
		t.Errorf("%v %s", err, got[:n])
	}
}

func TestTheShareOfACallerHoldsOverREST(t *testing.T) {
	b := setup(t, func(cfg *mcpecho.Config) { cfg.MaxInFlight = 4 })
	begun, end := make(chan struct{}), make(chan struct{})
	b.srv.Add(mcpecho.Service("wait", func(*mcpecho.Call, none) (none, error) {
		begun <- struct{}{}
		<-end
		return none{}, nil
	}, mcpecho.Route("GET /wait")))
	b.user = &mcpecho.Principal{Subject: "a"}
	c := b.mountREST()
	var wg sync.WaitGroup
	wg.Go(func() {
		if r := c.do("GET", "/wait", ""); r.status != 200 {
			t.Errorf("%s", r)
		}
	})
	<-begun
	if r := c.do("GET", "/wait", ""); r.status != 503 || r.problem(t).Code != "share" || r.header.Get("Retry-After") != "1" {
		t.Errorf("%s", r)
	}
	close(end)
	wg.Wait()
}

func TestShutdownEndsACallOfARoute(t *testing.T) {
	b := setup(t)
	begun, cause := make(chan struct{}), make(chan error, 1)
	b.srv.Add(mcpecho.Service("wait", func(c *mcpecho.Call, _ none) (none, error) {
		close(begun)
		<-c.Ctx().Done()
		cause <- context.Cause(c.Ctx())
		return none{}, c.Ctx().Err()
	}, mcpecho.Route("GET /wait")))
	c := b.mountREST()
	var wg sync.WaitGroup
	wg.Go(func() {
		if r := c.do("GET", "/wait", ""); r.status != 503 || r.problem(t).Code != "stopped" {
			t.Errorf("%s", r)
		}
	})
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.srv.Shutdown(ctx); err == nil {
		t.Error("a shutdown that stopped a call says nothing of it")
	}
	if err := <-cause; !errors.Is(err, mcpecho.ErrShutdown) {
		t.Error(err)
	}
	wg.Wait()
}

func TestAResultOfARouteIsBounded(t *testing.T) {
	b := setup(t, func(cfg *mcpecho.Config) { cfg.MaxResultBytes = 100 })
	b.srv.Add(
		mcpecho.Service("large", func(*mcpecho.Call, none) (string, error) { return strings.Repeat("a", 200), nil }, mcpecho.Route("GET /large")),
		mcpecho.Resource("a://b", func(*mcpecho.Call, none) ([]byte, error) { return make([]byte, 200), nil }, mcpecho.Route("GET /blob")),
	)
	c := b.mountREST()
	for _, path := range []string{"/large", "/blob"} {
		if r := c.do("GET", path, ""); r.status != 413 || r.problem(t).Code != "result_too_large" {
			t.Errorf("%s: %s", path, r)
		}
	}
}

func TestRoutesAreServedOverHTTP2(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("all", echoed, mcpecho.Route("POST /things")))
	b.srv.MountREST(b.e.Group("/api"))
	web := httptest.NewUnstartedServer(b.e)
	web.EnableHTTP2 = true
	web.StartTLS()
	defer web.Close()
	text := strings.Repeat("a", 100_000)
	for body, want := range map[string]int{`{"id":7}`: 200, `{"text":"` + text + `"}`: 200, `{"id":"x"}`: 422, ``: 200} {
		res, err := web.Client().Post(web.URL+"/api/things", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.ProtoMajor != 2 || res.StatusCode != want {
			t.Errorf("%v %s %s %.100s", err, res.Proto, res.Status, got)
		}
	}
}

func TestConcurrentCallersOfRoutesGetTheirOwnAnswers(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("get", echoed, mcpecho.Route("GET /things/:id")), mcpecho.Service("post", echoed, mcpecho.Route("POST /things/:id")))
	c := b.mountREST()
	var wg sync.WaitGroup
	for i := range 8 {
		id := string(rune('1' + i))
		wg.Go(func() {
			for range 50 {
				c.want(http.MethodGet, "/things/"+id+"?text=t"+id, "", `200 {"id":`+id+`,"text":"t`+id+`"}`)
				c.want(http.MethodPost, "/things/"+id, `{"text":"t`+id+`"}`, `200 {"id":`+id+`,"text":"t`+id+`"}`)
			}
		})
	}
	wg.Wait()
}
