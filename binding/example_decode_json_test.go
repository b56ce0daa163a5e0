package binding_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/mcpecho/kit/binding"
)

// A plain REST handler of an Echo application decodes its body strictly and answers with all field
// errors at once.
func ExampleDecodeJSON() {
	type CreateInvoice struct {
		Number string `json:"number" validate:"required,max=32" doc:"Unique number of the invoice."`
		Amount int64  `json:"amount_cents" validate:"required,gte=0"`
	}
	e := echo.New()
	e.POST("/invoices", func(c echo.Context) error {
		body, err := io.ReadAll(io.LimitReader(c.Request().Body, 1<<20))
		if err != nil {
			return err
		}
		in, err := binding.DecodeJSON[CreateInvoice](body)
		if bad, ok := errors.AsType[*binding.Error](err); ok {
			return c.JSON(http.StatusUnprocessableEntity, bad)
		} else if err != nil {
			return err
		}
		return c.String(http.StatusCreated, in.Number+"\n")
	})
	for _, body := range []string{`{"number":"A-1","amount_cents":100}`, `{"numbr":"A-1","amount_cents":-1}`} {
		r := httptest.NewRequest(http.MethodPost, "/invoices", strings.NewReader(body))
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", strings.ReplaceAll(w.Body.String(), "},{", "},\n{"))
	}
	// Output:
	// 201 A-1
	// 422 {"fields":[{"path":"numbr","rule":"unknown","message":"is not an argument; did you mean \"number\"?"},
	// {"path":"amount_cents","rule":"gte","message":"must be at least 0"},
	// {"path":"number","rule":"required","message":"is required"}]}
}
