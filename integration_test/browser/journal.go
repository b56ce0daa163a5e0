package main

import (
	"net/http"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/mcpecho"
)

// journal is what the server saw, for the driver to compare with what the pages saw.
type journal struct {
	db *gorm.DB

	mu       sync.Mutex
	requests []request
	calls    []string
}

// request is one HTTP request and the status of its answer.
type request struct {
	Method string `json:"method"`
	Origin string `json:"origin"`
	Token  bool   `json:"token"` // it had an Authorization header
	Status int    `json:"status"`
}

// middleware writes every request down, preflights included.
func (j *journal) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		err := next(ec)
		if err != nil {
			ec.Error(err) // so that the status is known
		}
		r := ec.Request()
		j.mu.Lock()
		defer j.mu.Unlock()
		j.requests = append(j.requests, request{
			Method: r.Method,
			Origin: r.Header.Get(echo.HeaderOrigin),
			Token:  r.Header.Get(echo.HeaderAuthorization) != "",
			Status: ec.Response().Status,
		})
		return nil
	}
}

// step writes the tools down that get as far as the beginning of their chain.
func (j *journal) step() mcpecho.Step {
	return mcpecho.Step{
		Name: "journal", Stage: mcpecho.StageObserve,
		Func: mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
			j.mu.Lock()
			j.calls = append(j.calls, c.Name())
			j.mu.Unlock()
			return next(ec)
		}),
	}
}

func (j *journal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var rows int64
	if err := j.db.WithContext(r.Context()).Model(&invoices.Invoice{}).Count(&rows).Error; err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.MarshalWrite(w, struct {
		Requests []request `json:"requests"`
		Calls    []string  `json:"calls"`
		Rows     int64     `json:"rows"`
	}{j.requests, j.calls, rows})
}
