package mcpecho

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
)

// capture stands in for the HTTP response while a chain with middlewares
// written for plain Echo runs: what they write must not reach the client as
// it is, because the reply has to be a JSON-RPC message.
type capture struct {
	header   http.Header
	status   int
	body     bytes.Buffer
	max      int
	response *echo.Response // the real one
}

func newCapture(ec echo.Context) *capture {
	p := &capture{header: http.Header{}, response: ec.Response(), max: 1 << 20}
	ec.SetResponse(echo.NewResponse(p, ec.Echo()))
	return p
}

// restore gives the real response back, with the headers that were set, but
// none that describe the captured body.
func (p *capture) restore(ec echo.Context) {
	ec.SetResponse(p.response)
	for name, values := range p.header {
		if !strings.HasPrefix(name, "Content-") && name != "Transfer-Encoding" {
			p.response.Header()[name] = values
		}
	}
}

func (p *capture) Header() http.Header { return p.header }

func (p *capture) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
}

var errCaptureTooLarge = errors.New("mcpecho: a middleware wrote more than 1 MiB to the response of an MCP call")

func (p *capture) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	if p.body.Len()+len(b) > p.max {
		return 0, errCaptureTooLarge
	}
	return p.body.Write(b)
}

// Flush does nothing: the captured body is used as a whole.
func (p *capture) Flush() {}

// failure is the error that a captured response of status 400 or above means.
func (p *capture) failure() error {
	if p.status < 400 {
		return nil
	}
	message := http.StatusText(p.status)
	var body struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(p.body.Bytes(), &body) == nil && body.Message != "" {
		message = body.Message // the form of echo's own error handler
	}
	return echo.NewHTTPError(p.status, message)
}

// takeCaptured makes the body that a middleware wrote the result of the call.
func (c *Call) takeCaptured() error {
	p := c.capture
	if p.status == 0 {
		return errNoResult
	}
	body := p.body.Bytes()
	if !strings.HasPrefix(p.header.Get(echo.HeaderContentType), echo.MIMEApplicationJSON) {
		return c.setEncoded(mustMarshal(string(body)))
	}
	value := jsontext.Value(body)
	if err := value.Compact(); err != nil {
		return fmt.Errorf("mcpecho: a middleware wrote a body that is not JSON: %w", err)
	}
	return c.setEncoded(value)
}

// setEncoded takes JSON that no Go type vouches for: it is checked against
// the schema that clients were told.
func (c *Call) setEncoded(b []byte) error {
	if c.entry.output != nil && c.entry.surface == onTools {
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			return err
		}
		if err := c.entry.output.Validate(v); err != nil {
			return fmt.Errorf("mcpecho: what a middleware wrote does not fit the output schema: %w", err)
		}
	}
	return c.encode(jsontext.Value(b))
}
