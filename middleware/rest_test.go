package middleware_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/filters"
	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

var restKey = []byte("a secret of at least 32 bytes, from the environment")

// restToken is a token with scopes.
func restToken(t *testing.T, subject, scopes string) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": subject, "scope": scopes, "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(restKey)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// restClient sends requests to the routes of srv as a caller with scopes.
func restClient(t *testing.T, srv *mcpecho.Server, subject, scopes string) func(method, target, body string) (*http.Response, string) {
	t.Helper()
	e := echo.New()
	srv.MountREST(e.Group("/api"), mw.Bearer(restKey))
	web := httptest.NewServer(e)
	t.Cleanup(web.Close)
	return func(method, target, body string) (*http.Response, string) {
		t.Helper()
		if !strings.HasPrefix(target, "http") {
			target = web.URL + "/api" + target
		}
		r, err := http.NewRequest(method, target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if subject != "" {
			r.Header.Set("Authorization", "Bearer "+restToken(t, subject, scopes))
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		res, err := web.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		got, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(got)
	}
}

type restFilter struct {
	Sent   *bool                 `json:"sent" filter:"sent"`
	Amount *filters.Range[int64] `json:"amount" filter:"amount_cents,between"`
}

type shown struct {
	ID          uint   `json:"id"`
	Number      string `json:"number"`
	AmountCents int64  `json:"amount_cents"`
}

var link = regexp.MustCompile(`<([^>]*)>; rel="([a-z]*)"`)

// links are those of a reply, by their relations.
func links(res *http.Response) map[string]string {
	all := map[string]string{}
	for _, m := range link.FindAllStringSubmatch(res.Header.Get("Link"), -1) {
		all[m[2]] = m[1]
	}
	return all
}

func TestAListOverRESTHasFiltersOrderPagesAndLinks(t *testing.T) {
	srv := newServer(openDB(t))
	srv.Add(mcpecho.Selector[Invoice]("invoices.list", invoices, mcpecho.Route("GET /invoices"),
		mw.Filter[restFilter](), mw.Order("-amount_cents", "number"), mw.Paginate(2), mw.As[shown]()))
	do := restClient(t, srv, "ann", "")

	res, body := do("GET", "/invoices?limit=1&page=2&amount.min=150&ordering=-amount_cents", "")
	if want := `{"items":[{"id":3,"number":"A-3","amount_cents":200}],"page":2,"limit":1,"total":2,"totalPages":2,"hasNext":false}`; body != want {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if got, want := res.Header.Get("Link"), `<?amount.min=150&limit=1&ordering=-amount_cents&page=1>; rel="first", `+
		`<?amount.min=150&limit=1&ordering=-amount_cents&page=1>; rel="prev", <?amount.min=150&limit=1&ordering=-amount_cents&page=2>; rel="last"`; got != want {
		t.Errorf("Link: %s", got)
	}
	head, _ := do("HEAD", "/invoices", "")
	if want := `<?page=1>; rel="first", <?page=2>; rel="next", <?page=2>; rel="last"`; head.Header.Get("Link") != want || head.ContentLength <= 0 {
		t.Errorf("HEAD: %v", head.Header)
	}
	for query, path := range map[string]string{
		"?amount.min=x": "amount.min", "?amount=5": "amount", "?ordering=secret": "ordering", "?page=0": "page", "?sent=maybe": "sent",
		"?secret=s1": "secret", "?ordering=number;drop": "", "?page=1&page=2": "page",
	} {
		res, body := do("GET", "/invoices"+query, "")
		var p struct {
			Fields []struct{ Path string } `json:"fields"`
		}
		if err := json.Unmarshal([]byte(body), &p, json.MatchCaseInsensitiveNames(true)); err != nil || res.StatusCode != 422 || len(p.Fields) != 1 || !strings.HasPrefix(p.Fields[0].Path, path) {
			t.Errorf("%s: %d %s", query, res.StatusCode, body)
		}
	}
}

func TestTheLinksOfAListLeadThroughAllOfIt(t *testing.T) {
	for name, step := range map[string]mcpecho.Step{
		"numbers": mw.Paginate(1), "keyset": mw.PaginateWithConfig(mw.PaginateConfig{Limit: 1, Keyset: true}),
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(openDB(t))
			srv.Add(mcpecho.Selector[Invoice]("invoices.list", invoices, mcpecho.Route("GET /invoices"), mw.Order("-number"), step))
			do := restClient(t, srv, "ann", "")
			var seen []string
			for target := "/invoices?ordering=-number"; target != ""; {
				res, body := do("GET", target, "")
				var page struct {
					Items []Invoice `json:"items"`
				}
				if err := json.Unmarshal([]byte(body), &page); err != nil || len(seen) > 3 {
					t.Fatalf("%v %d %s", err, res.StatusCode, body)
				}
				for _, i := range page.Items {
					seen = append(seen, i.Number)
				}
				target = ""
				if next, ok := links(res)["next"]; ok {
					ref, err := url.Parse(next)
					if err != nil {
						t.Fatal(err)
					}
					target = res.Request.URL.ResolveReference(ref).String()
				}
			}
			if got := strings.Join(seen, " "); got != "A-3 A-2 A-1" {
				t.Error(got)
			}
		})
	}
}

func TestRowsOutsideOfTheCallersAreNotThereOverREST(t *testing.T) {
	srv := newServer(openDB(t))
	byID := func(c *mcpecho.Call, in struct {
		ID uint `json:"id"`
	}) (*gorm.DB, error) {
		return c.DB().Where("id = ?", in.ID), nil
	}
	srv.Use(mw.Narrow[Invoice](func(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
		return db.Where("sent = ?", c.Principal().Subject == "ann")
	}))
	srv.Add(
		mcpecho.Retrieve[Invoice]("invoices.get", byID, mcpecho.Route("GET /invoices/:id"), mw.As[shown]()),
		mcpecho.Selector[Invoice]("invoices.list", invoices, mcpecho.Route("GET /invoices"), mw.Filter[restFilter](), mw.Paginate(2), mw.As[shown]()),
	)
	do := restClient(t, srv, "ann", "")
	for target, want := range map[string]string{
		"/invoices/2":          `200 {"id":2,"number":"A-2","amount_cents":300}`,
		"/invoices/1":          `404 {"type":"about:blank","title":"Not Found","status":404,"detail":"invoices_get: no matching row found","code":"not_found"}`,
		"/invoices":            `200 {"items":[{"id":2,"number":"A-2","amount_cents":300}],"page":1,"limit":2,"total":1,"totalPages":1,"hasNext":false}`,
		"/invoices?sent=false": `200 {"items":[],"page":1,"limit":2,"total":0,"totalPages":1,"hasNext":false}`,
	} {
		if res, body := do("GET", target, ""); res.Status[:4]+strings.TrimSpace(body) != want {
			t.Errorf("%s: %s %s", target, res.Status, body)
		}
	}
}

func TestRowPermissionsHoldOverREST(t *testing.T) {
	db := openDB(t)
	srv := newServer(db)
	srv.Use(mw.Transaction())
	unsent := mw.PermitRow(func(_ *mcpecho.Call, i Invoice) error {
		if i.Sent {
			return mw.ErrDenied
		}
		return nil
	})
	srv.Add(mcpecho.Service("invoices.raise", func(c *mcpecho.Call, in struct {
		ID uint  `json:"id"`
		By int64 `json:"by" validate:"required"`
	}) (Invoice, error) {
		var i Invoice
		if err := c.DB().First(&i, in.ID).Error; err != nil {
			return i, err
		}
		i.AmountCents += in.By
		if err := c.DB().Save(&i).Error; err != nil {
			return i, err
		}
		return i, c.CheckRow(i)
	}, mcpecho.Route("PATCH /invoices/:id"), unsent, mw.Serialize(func(i Invoice) int64 { return i.AmountCents })))
	do := restClient(t, srv, "ann", "")
	for target, want := range map[string]string{"/invoices/1": "200 105", "/invoices/2": "403 forbidden", "/invoices/9": "404 not_found"} {
		res, body := do("PATCH", target, `{"by":5}`)
		if status, part, _ := strings.Cut(want, " "); !strings.HasPrefix(res.Status, status) || !strings.Contains(body, part) {
			t.Errorf("%s: %s %s", target, res.Status, body)
		}
	}
	var sent Invoice
	if err := db.First(&sent, 2).Error; err != nil || sent.AmountCents != 300 {
		t.Errorf("%v %+v: a refused change was committed", err, sent)
	}
}

func TestScopesAndLimitsAnswerOverRESTAsOverMCP(t *testing.T) {
	srv := newServer(nil)
	srv.Add(
		mcpecho.Service("read", ok, mcpecho.Route("GET /read"), mw.Scopes("read")),
		mcpecho.Service("write", ok, mcpecho.Route("POST /write"), mw.Scopes("write")),
		mcpecho.Service("rare", ok, mcpecho.Route("GET /rare"), mw.RateLimitWithConfig(mw.RateLimitConfig{Rate: 0.01, Burst: 1})),
	)
	do := restClient(t, srv, "ann", "read")
	if res, body := do("GET", "/read", ""); res.StatusCode != 200 || body != `{"ok":true}` {
		t.Errorf("%s %s", res.Status, body)
	}
	res, body := do("POST", "/write", "")
	if res.StatusCode != 403 || !strings.Contains(res.Header.Get("WWW-Authenticate"), `error="insufficient_scope"`) ||
		!strings.Contains(body, `"code":"forbidden"`) || !strings.Contains(body, `"data":{"requiredScopes":["write"]}`) {
		t.Errorf("%s %s %v", res.Status, body, res.Header)
	}
	do("GET", "/rare", "")
	if res, body := do("GET", "/rare", ""); res.StatusCode != 429 || res.Header.Get("Retry-After") == "" || !strings.Contains(body, `"code":"rate_limited"`) {
		t.Errorf("%s %s %v", res.Status, body, res.Header)
	}
	nobody := newServer(nil)
	nobody.Add(mcpecho.Service("read", ok, mcpecho.Route("GET /read"), mw.Scopes("read")))
	if res, _ := restClient(t, nobody, "", "")("GET", "/read", ""); res.StatusCode != 401 || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Bearer ") {
		t.Errorf("%s %v", res.Status, res.Header)
	}
}
