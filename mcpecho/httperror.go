package mcpecho

import (
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
)

// httpBody is what a client is told of an [echo.HTTPError]: a sentence, and as details the JSON
// that Echo would have sent, unless the sentence is all of it.
func httpBody(e *echo.HTTPError) (message string, more map[string]any) {
	switch m := e.Message.(type) {
	case nil:
		return http.StatusText(e.Code), nil
	case string:
		return m, nil
	case error:
		return m.Error(), nil
	}
	body, err := binding.Marshal(e.Message)
	if err != nil {
		return http.StatusText(e.Code), nil
	}
	if json.Unmarshal(body, &message) == nil {
		return message, nil
	}
	var object map[string]jsontext.Value
	_ = json.Unmarshal(body, &object) // a list has no sentence
	for _, member := range []string{"message", "error"} {
		if json.Unmarshal(object[member], &message) != nil {
			continue
		}
		if len(object) == 1 {
			return message, nil
		}
		return message, map[string]any{"details": jsontext.Value(body)}
	}
	return http.StatusText(e.Code), map[string]any{"details": jsontext.Value(body)}
}
