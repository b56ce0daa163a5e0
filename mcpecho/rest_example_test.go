package mcpecho_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
)

// fetch sends a request to an Echo and prints what comes back.
func fetch(e *echo.Echo, method, target, body string) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, r)
	fmt.Println(rec.Code, rec.Header().Get("Content-Type"), strings.TrimSpace(rec.Body.String()))
}

// The specs that serve agents serve REST clients too, through the same chains.
func ExampleServer_MountREST() {
	create := func(c *mcpecho.Call, in createInput) (invoice, error) {
		return invoice{ID: 1, Number: in.Number}, nil // in real life: c.DB().Create
	}
	get := func(c *mcpecho.Call, in invoiceByID) (invoice, error) {
		if in.PK != 1 {
			return invoice{}, &mcpecho.ToolError{Type: mcpecho.TypeNotFound, Message: "there is one invoice: 1"}
		}
		return invoice{ID: 1, Number: "A-1"}, nil
	}
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(
		mcpecho.Service("invoices.create", create, mcpecho.Route("POST /invoices", mcpecho.Status(http.StatusCreated))),
		mcpecho.Service("invoices.get", get, mcpecho.Route("GET /invoices/:pk"), mcpecho.Annotate(mcpecho.ReadOnly(true))),
	)
	e := echo.New()
	srv.Mount(e.Group("/mcp"))
	srv.MountREST(e.Group("/api"))

	fetch(e, "POST", "/api/invoices", `{"number":"A-1","amount_cents":100}`)
	fetch(e, "GET", "/api/invoices/1", "")
	fetch(e, "GET", "/api/invoices/2", "")
	fetch(e, "GET", "/api/invoices/x", "")
	// Output:
	// 201 application/json {"id":1,"number":"A-1","sent":false}
	// 200 application/json {"id":1,"number":"A-1","sent":false}
	// 404 application/problem+json {"type":"about:blank","title":"Not Found","status":404,"detail":"there is one invoice: 1","code":"not_found"}
	// 422 application/problem+json {"type":"about:blank","title":"Unprocessable Entity","status":422,"detail":"invalid arguments: pk must be an integer","code":"validation_error","fields":[{"path":"pk","rule":"type","message":"must be an integer"}]}
}

// An application that answers errors in a form of its own finds the cause in them.
func ExampleServer_MountREST_errorHandler() {
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		var tool *mcpecho.ToolError
		if errors.As(err, &tool) {
			_ = c.JSON(http.StatusTeapot, map[string]string{"sorry": tool.Message})
			return
		}
		e.DefaultHTTPErrorHandler(err, c)
	}
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(mcpecho.Service("pay", func(*mcpecho.Call, struct{}) (struct{}, error) {
		return struct{}{}, mcpecho.Errorf("the invoice is paid already")
	}, mcpecho.Route("POST /pay")))
	srv.MountREST(e.Group("/api"))

	fetch(e, "POST", "/api/pay", "")
	// Output:
	// 418 application/json {"sorry":"the invoice is paid already"}
}

// A list in the query string is a repeated key.
func ExampleRoute() {
	type search struct {
		Customer int64    `json:"customer"`
		Status   []string `json:"status" validate:"dive,oneof=draft sent paid"`
	}
	srv := mcpecho.New(mcpecho.Config{Name: "billing"})
	srv.Add(mcpecho.Service("invoices.search", func(_ *mcpecho.Call, in search) (search, error) { return in, nil },
		mcpecho.Route("GET /customers/:customer/invoices")))
	e := echo.New()
	srv.MountREST(e.Group(""))

	fetch(e, "GET", "/customers/7/invoices?status=sent&status=paid", "")
	fetch(e, "GET", "/customers/7/invoices?status=lost&customer=8", "")
	// Output:
	// 200 application/json {"customer":7,"status":["sent","paid"]}
	// 422 application/problem+json {"type":"about:blank","title":"Unprocessable Entity","status":422,"detail":"invalid arguments: 2 problems, see fields","code":"validation_error","fields":[{"path":"customer","rule":"duplicate","message":"is given more than once"},{"path":"status[0]","rule":"oneof","message":"must be one of: draft, sent, paid"}]}
}
