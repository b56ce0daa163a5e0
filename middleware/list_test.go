package middleware_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
	"github.com/mcpecho/kit/paginate"
)

type invoiceFilter struct {
	Sent      *bool  `json:"sent"`
	MinAmount *int64 `json:"min_amount" filter:"amount_cents,gte"`
}

type prefixFilter struct {
	Prefix *string `json:"prefix" filter:"number,startswith"`
}

type args = map[string]any

func numbers(rows []Invoice) string {
	var all []string
	for _, r := range rows {
		all = append(all, r.Number)
	}
	return strings.Join(all, " ")
}

func TestFilterAndOrderRewriteTheQuery(t *testing.T) {
	srv := newServer(openDB(t))
	srv.Add(mcpecho.Selector[Invoice]("list", invoices,
		mw.Order("number", "-amount=amount_cents"), mw.Filter[invoiceFilter](), mw.Filter[prefixFilter]()))
	chain, _ := srv.Chain("list")
	equal(t, "chain", chain.String(), "validate → handle → filter → filter → order → fetch → serialize")
	c := mcptest.New(t, srv)
	for _, tc := range []struct {
		args args
		want string
	}{
		{nil, "A-1 A-2 A-3"},
		{args{"sent": false}, "A-1 A-3"},
		{args{"min_amount": 200, "ordering": "-amount"}, "A-2 A-3"},
		{args{"prefix": "A-", "ordering": []string{"amount"}}, "A-1 A-3 A-2"},
		{args{"prefix": "%"}, ""},
		{args{"ordering": "-number"}, "A-3 A-2 A-1"},
	} {
		equal(t, fmt.Sprint(tc.args), numbers(mcptest.Call[[]Invoice](c, "list", tc.args)), tc.want)
	}
	for _, tc := range []struct {
		args args
		path string
	}{
		{args{"ordering": "secret"}, "ordering"},
		{args{"sent": "yes"}, "sent"},
		{args{"page": 1}, "page"},
	} {
		r := c.Do("list", tc.args)
		if !r.IsError || r.Error.Type != mcpecho.TypeValidation || r.Error.Fields[0].Path != tc.path {
			t.Errorf("%v: %s", tc.args, r.Body)
		}
	}
}

func TestOrderDefault(t *testing.T) {
	srv := newServer(openDB(t))
	srv.Add(
		mcpecho.Selector[Invoice]("declared", invoices,
			mw.OrderWithConfig(mw.OrderConfig{Fields: []string{"number"}, Default: []string{"-amount_cents"}})),
		mcpecho.Selector[Invoice]("own", func(c *mcpecho.Call, _ nothing) (*gorm.DB, error) {
			return c.DB().Model(&Invoice{}).Order("amount_cents"), nil
		}, mw.Order("number")))
	c := mcptest.New(t, srv)
	equal(t, "declared", numbers(mcptest.Call[[]Invoice](c, "declared", nil)), "A-2 A-3 A-1")
	equal(t, "own", numbers(mcptest.Call[[]Invoice](c, "own", nil)), "A-1 A-3 A-2")
	equal(t, "own, asked", numbers(mcptest.Call[[]Invoice](c, "own", args{"ordering": "-number"})), "A-3 A-2 A-1")
}

func TestPaginateNumbersPages(t *testing.T) {
	srv := newServer(openDB(t))
	srv.Add(mcpecho.Selector[Invoice]("list", invoices, mw.Filter[invoiceFilter](), mw.Order("number"),
		mw.PaginateWithConfig(mw.PaginateConfig{Limit: 2, MaxLimit: 50})))
	for wire, option := range map[string]mcptest.Option{"modern": mcptest.Modern(), "dated": mcptest.Dated()} {
		c := mcptest.New(t, srv, option)
		for _, tc := range []struct {
			args args
			want string
			page paginate.Envelope[Invoice]
		}{
			{nil, "A-1 A-2", paginate.Envelope[Invoice]{Page: 1, Limit: 2, Total: 3, TotalPages: 2, HasNext: true}},
			{args{"page": 2}, "A-3", paginate.Envelope[Invoice]{Page: 2, Limit: 2, Total: 3, TotalPages: 2}},
			{args{"page": 9}, "", paginate.Envelope[Invoice]{Page: 9, Limit: 2, Total: 3, TotalPages: 2}},
			{args{"limit": 1000}, "A-1 A-2 A-3", paginate.Envelope[Invoice]{Page: 1, Limit: 50, Total: 3, TotalPages: 1}},
			{args{"sent": true}, "A-2", paginate.Envelope[Invoice]{Page: 1, Limit: 2, Total: 1, TotalPages: 1}},
			{args{"min_amount": 9999}, "", paginate.Envelope[Invoice]{Page: 1, Limit: 2, TotalPages: 1}},
		} {
			name := fmt.Sprint(wire, tc.args)
			mcptest.AssertConforms(t, c, "list", c.Do("list", tc.args))
			got := mcptest.Call[paginate.Envelope[Invoice]](c, "list", tc.args)
			equal(t, name, numbers(got.Items), tc.want)
			got.Items = nil
			equal(t, name, fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", tc.page))
		}
		for _, bad := range []args{{"page": 0}, {"limit": 0}, {"page": -1}, {"page": 1.5}} {
			equal(t, fmt.Sprint(wire, bad), c.Do("list", bad).Error.Type, mcpecho.TypeValidation)
		}
	}
}

func TestPaginateDefaults(t *testing.T) {
	srv := newServer(openDB(t))
	srv.Add(
		mcpecho.Selector[Invoice]("zero", invoices, mw.PaginateWithConfig(mw.PaginateConfig{})),
		mcpecho.Selector[Invoice]("large", invoices, mw.Paginate(500)),
		mcpecho.Selector[Invoice]("small", invoices, mw.PaginateWithConfig(mw.PaginateConfig{MaxLimit: 5})))
	c := mcptest.New(t, srv)
	for tool, want := range map[string]int{"zero": 20, "large": 500, "small": 5} {
		equal(t, tool, mcptest.Call[paginate.Envelope[Invoice]](c, tool, nil).Limit, want)
	}
	equal(t, "most", mcptest.Call[paginate.Envelope[Invoice]](c, "zero", args{"limit": 1000}).Limit, 100)
}

// walk follows cursors to the end.
func walk(t *testing.T, c *mcptest.Client, tool string, start args) (pages []string) {
	t.Helper()
	a := args{}
	for k, v := range start {
		a[k] = v
	}
	for range 10 {
		page := mcptest.Call[paginate.CursorEnvelope[Invoice]](c, tool, a)
		mcptest.AssertConforms(t, c, tool, c.Do(tool, a))
		pages = append(pages, numbers(page.Items))
		if page.NextCursor == "" {
			return pages
		}
		a["cursor"] = page.NextCursor
	}
	t.Fatal("the walk does not end")
	return nil
}

type row struct {
	Number string `json:"number"`
}

func keysetServer(t *testing.T, keys ...[]byte) *mcpecho.Server {
	srv := newServer(openDB(t), func(cfg *mcpecho.Config) { cfg.Keys = keys })
	keyset := mw.PaginateWithConfig(mw.PaginateConfig{Limit: 2, Keyset: true})
	srv.Add(
		mcpecho.Selector[Invoice]("list", invoices, mw.Filter[invoiceFilter](), mw.Order("amount_cents", "sent"), keyset),
		mcpecho.Selector[Invoice]("other", invoices, mw.Filter[invoiceFilter](), mw.Order("amount_cents", "sent"), keyset),
		mcpecho.Selector[Invoice]("bare", invoices, keyset),
		mcpecho.Selector[Invoice]("projected", invoices, mw.Order("amount_cents"), keyset, mw.As[row]()))
	return srv
}

func TestPaginateKeysetWalksTheOrder(t *testing.T) {
	c := mcptest.New(t, keysetServer(t)).As(ann)
	for _, tc := range []struct {
		tool string
		args args
		want string
	}{
		{"list", nil, "A-1 A-2|A-3"},
		{"list", args{"ordering": "amount_cents"}, "A-1 A-3|A-2"},
		{"list", args{"ordering": []string{"sent", "-amount_cents"}}, "A-3 A-1|A-2"},
		{"list", args{"ordering": "-amount_cents", "limit": 1}, "A-2|A-3|A-1"},
		{"list", args{"sent": false}, "A-1 A-3"},
		{"list", args{"min_amount": 999}, ""},
		{"bare", nil, "A-1 A-2|A-3"},
		{"projected", args{"ordering": "-amount_cents"}, "A-2 A-3|A-1"},
	} {
		equal(t, fmt.Sprint(tc.tool, tc.args), strings.Join(walk(t, c, tc.tool, tc.args), "|"), tc.want)
	}
}

func TestPaginateKeysetCursorBelongsToCallerToolAndArguments(t *testing.T) {
	client := mcptest.New(t, keysetServer(t))
	start := args{"ordering": "amount_cents", "limit": 1}
	cursor := mcptest.Call[paginate.CursorEnvelope[Invoice]](client.As(ann), "list", start).NextCursor
	for name, tc := range map[string]struct {
		as   *mcpecho.Principal
		tool string
		args args
		fits bool
	}{
		"same":              {ann, "list", args{"ordering": "amount_cents", "limit": 1}, true},
		"other limit":       {ann, "list", args{"ordering": "amount_cents", "limit": 2}, true},
		"other caller":      {bob, "list", start, false},
		"anonymous":         {nil, "list", start, false},
		"other tool":        {ann, "other", start, false},
		"other order":       {ann, "list", args{"ordering": "-amount_cents"}, false},
		"no order":          {ann, "list", args{}, false},
		"a filter":          {ann, "list", args{"ordering": "amount_cents", "sent": false}, false},
		"tampered":          {ann, "list", args{"ordering": "amount_cents", "cursor": flip(cursor)}, false},
		"not a cursor":      {ann, "list", args{"ordering": "amount_cents", "cursor": "x"}, false},
		"an empty one":      {ann, "list", args{"ordering": "amount_cents", "cursor": ""}, false},
		"of another format": {ann, "list", args{"ordering": "amount_cents", "cursor": strings.Repeat("A", 9000)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := args{"cursor": cursor}
			for k, v := range tc.args {
				a[k] = v
			}
			r := client.As(tc.as).Do(tc.tool, a)
			equal(t, "fits", !r.IsError, tc.fits)
			if !tc.fits {
				equal(t, "type", r.Error.Type, mcpecho.TypeValidation)
				equal(t, "path", r.Error.Fields[0].Path, "cursor")
			}
		})
	}
}

func flip(s string) string {
	b := []byte(s)
	if b[len(b)/2] ^= 1; b[len(b)/2] == '.' {
		b[len(b)/2] = 'x'
	}
	return string(b)
}

func TestPaginateKeysetCursorsOfReplicasWithTheSameKeys(t *testing.T) {
	shared := []byte("0123456789abcdef0123456789abcdef")
	old := []byte("abcdef0123456789abcdef0123456789")
	cursor := mcptest.Call[paginate.CursorEnvelope[Invoice]](mcptest.New(t, keysetServer(t, shared)), "list", nil).NextCursor
	for name, tc := range map[string]struct {
		keys [][]byte
		fits bool
	}{
		"same":    {[][]byte{shared}, true},
		"rotated": {[][]byte{old, shared}, true},
		"other":   {[][]byte{old}, false},
		"random":  {nil, false},
	} {
		r := mcptest.New(t, keysetServer(t, tc.keys...)).Do("list", args{"cursor": cursor})
		equal(t, name, !r.IsError, tc.fits)
	}
}

func TestPaginateKeysetCursorsSurviveStepsAddedLater(t *testing.T) {
	srv := keysetServer(t)
	c := mcptest.New(t, srv)
	cursor := mcptest.Call[paginate.CursorEnvelope[Invoice]](c, "list", nil).NextCursor
	srv.Use(mw.Timeout(1 << 40))
	equal(t, "refused", c.Do("list", args{"cursor": cursor}).IsError, false)
}

func TestPaginateSchemaDescribesTheEnvelope(t *testing.T) {
	srv := newServer(openDB(t))
	srv.Add(
		mcpecho.Selector[Invoice]("numbered", invoices, mw.Paginate(2), mw.As[row]()),
		mcpecho.Selector[Invoice]("keyset", invoices, mw.PaginateWithConfig(mw.PaginateConfig{Keyset: true}), mw.As[row]()))
	for _, tool := range mcptest.New(t, srv).Tools() {
		out, in := string(tool.OutputSchema), string(tool.InputSchema)
		contains(t, tool.Name, out, `"items":{"type":"array","items":{"type":"object"`)
		if strings.Contains(out, "amount_cents") {
			t.Errorf("%s shows columns that As leaves out: %s", tool.Name, out)
		}
		if tool.Name == "numbered" {
			contains(t, tool.Name, out, `"required":["items","page","limit","total","totalPages","hasNext"]`)
			contains(t, tool.Name, in, `"page":`)
		} else {
			contains(t, tool.Name, out, `"nextCursor":`)
			contains(t, tool.Name, in, `"cursor":`)
		}
	}
}

func TestListStepsThatDoNotFitMakeAddFail(t *testing.T) {
	type unknown struct {
		Nope *string `json:"nope"`
	}
	type ambiguous struct {
		Sent bool `json:"sent"`
	}
	type claimed struct {
		Page int `json:"page"`
	}
	for name, tc := range map[string]struct {
		spec *mcpecho.Spec
		want string
	}{
		"filter column":    {mcpecho.Selector[Invoice]("x", invoices, mw.Filter[unknown]()), "unknown.Nope"},
		"filter type":      {mcpecho.Selector[Invoice]("x", invoices, mw.Filter[ambiguous]()), "must be *bool"},
		"filter twice":     {mcpecho.Selector[Invoice]("x", invoices, mw.Filter[invoiceFilter](), mw.Filter[invoiceFilter]()), "added twice"},
		"order column":     {mcpecho.Selector[Invoice]("x", invoices, mw.Order("nope")), "nope"},
		"filter a service": {mcpecho.Service("x", ok, mw.Filter[invoiceFilter]()), "does not serve a service"},
		"page a retrieve":  {mcpecho.Retrieve[Invoice]("x", invoices, mw.Paginate(2)), "does not serve a retrieve"},
		"argument claimed": {mcpecho.Selector[Invoice]("x", func(c *mcpecho.Call, _ claimed) (*gorm.DB, error) {
			return invoices(c, nothing{})
		}, mw.Paginate(2)), "page"},
	} {
		t.Run(name, func(t *testing.T) {
			err := newServer(openDB(t)).AddSafely(tc.spec)
			if err == nil {
				t.Fatal("accepted")
			}
			contains(t, "error", err.Error(), tc.want)
		})
	}
}

func TestEditedChainsKeepTheirArguments(t *testing.T) {
	srv := newServer(openDB(t))
	srv.Use(mw.Paginate(2))
	srv.Add(
		mcpecho.Selector[Invoice]("paged", invoices),
		mcpecho.Selector[Invoice]("closest", invoices, mw.Paginate(1)),
		mcpecho.Selector[Invoice]("bare", invoices, mcpecho.Without("paginate")))
	c := mcptest.New(t, srv)
	equal(t, "paged", len(mcptest.Call[paginate.Envelope[Invoice]](c, "paged", nil).Items), 2)
	equal(t, "closest", len(mcptest.Call[paginate.Envelope[Invoice]](c, "closest", nil).Items), 1)
	equal(t, "bare", len(mcptest.Call[[]Invoice](c, "bare", nil)), 3)
	equal(t, "bare with page", c.Do("bare", jsontext.Value(`{"page":1}`)).IsError, true)
}
