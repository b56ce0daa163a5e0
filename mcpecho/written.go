package mcpecho

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/wire"
)

// written is the error that the captured response of a call means: nil while nothing was written,
// and for status 2xx. A body of status 4xx is kept, one of 5xx is only for the log.
func (c *Call) written() error {
	status := c.capture.Status()
	// A direct response is not looked at: a middleware that gives up waiting may be writing to it.
	if status == 0 && !c.direct() && c.response.Committed && c.response.Status >= 400 {
		// A middleware holds back what was written inside of it; what it means counts now.
		return echo.NewHTTPError(c.response.Status)
	}
	if status < 300 {
		return nil
	}
	body, err := c.capture.Body()
	switch {
	case err != nil:
		return err
	case status < 400:
		return &ToolError{Message: "the call was redirected elsewhere, which is not possible here",
			Internal: fmt.Errorf("mcpecho: status %d to %s", status, wire.Clip(c.Response().Header().Get(echo.HeaderLocation), 200))}
	case status >= 500:
		return echo.NewHTTPError(status).SetInternal(fmt.Errorf("mcpecho: status %d was written: %s", status, wire.Clip(string(body), 1000)))
	}
	answer := &echo.HTTPError{Code: status, Message: messageOf(status, c.capture.ContentType(), body)}
	if seconds, err := strconv.Atoi(c.Response().Header().Get(echo.HeaderRetryAfter)); err == nil && seconds > 0 && status == http.StatusTooManyRequests {
		return &ToolError{Type: TypeRate, RetryAfter: time.Duration(seconds) * time.Second, Internal: answer}
	}
	return answer
}

// messageOf is the message of an error response: the text in the form of Echo's own error handler,
// other JSON as it is, or else text.
func messageOf(status int, media string, body []byte) any {
	if isJSONType(media) && jsontext.Value(body).IsValid() {
		var plain map[string]any
		if json.Unmarshal(body, &plain) == nil && len(plain) == 1 {
			if message, ok := plain["message"].(string); ok && message != "" {
				return message
			}
		}
		return jsontext.Value(body)
	}
	if text := strings.TrimSpace(string(body)); media == echo.MIMETextPlain && text != "" && utf8.ValidString(text) {
		return text
	}
	return http.StatusText(status)
}

func isJSONType(media string) bool {
	return media == echo.MIMEApplicationJSON || strings.HasSuffix(media, "+json")
}

// takeWritten makes the body that a middleware or the handler wrote the result of the call.
func (c *Call) takeWritten() error {
	body, err := c.capture.Body()
	if err != nil {
		return err
	}
	media := c.capture.ContentType()
	switch {
	case len(body) == 0:
		return c.setEncoded([]byte("null"))
	case isJSONType(media):
		value := jsontext.Value(body)
		if err := value.Compact(); err != nil {
			return fmt.Errorf("mcpecho: the body that was written is not JSON: %w", err)
		}
		return c.setEncoded(value)
	case (media == "" || strings.HasPrefix(media, "text/")) && utf8.Valid(body):
		b, err := binding.Marshal(string(body))
		if err != nil {
			return err
		}
		return c.setEncoded(b)
	}
	if media == "" {
		media = echo.MIMEOctetStream
	}
	return c.entry.surface.encodeMedia(c, media, body)
}
