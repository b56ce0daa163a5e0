package mcpecho

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/internal/authn"
	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/internal/wire"
)

// minMasked is the length in bytes from which a value is taken out of a log. Shorter ones tell
// nothing, and are parts of every sentence.
const minMasked = 4

// maxMasked bounds the values that are searched for. Of a call with more no text is logged.
const maxMasked = 10000

// maxSearched bounds, in bytes, what the search for all values in one text may read.
const maxSearched = 32 << 20

// maxToken bounds a token that is searched for: no authentication of ours accepts a longer one.
const maxToken = 8 << 10

// masks is [masks] of the call.
func (c *Call) masks() func(string) string {
	var sources [][]byte
	if x := c.exchange(); x != nil {
		sources = sentIn(x)
	}
	if len(sources) == 0 || !bytes.Equal(c.arguments, sources[0]) {
		sources = append(sources, c.arguments)
	}
	return masks(c.door, sources)
}

// sentIn is the JSON of a message that has values of its client.
func sentIn(x *wire.Exchange) [][]byte {
	sources := [][]byte{x.Message.Arguments}
	if x.Message.Method == "completion/complete" {
		params := x.Message.Params
		sources = append(sources, jsonrpc.Member(params, "argument"), jsonrpc.Member(params, "context"))
	}
	return sources
}

// masks returns a function that takes the values in the JSON of arguments, and the token that came
// with them, out of a text: applications put them into errors. The values are looked for when there
// is a text, each by itself: a table of all of them costs the square of what a client may send.
func masks(d door, sources [][]byte) func(string) string {
	return mask(func() []string { return masked(d, sources) })
}

// mask returns a function that takes values out of a text, the longest first: one may be part of
// another. They are listed when there is a text.
func mask(list func() []string) func(string) string {
	var values []string
	known := false
	return func(text string) string {
		if len(text) < minMasked {
			return text
		}
		if !known {
			known, values = true, list()
			slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
			values = slices.Compact(values)
		}
		if len(values) >= maxMasked {
			return "[a text about a call with too many values to take them out of it]"
		}
		return without(values, text)
	}
}

// without takes values out of a text. The time is linear in the text for each of them.
func without(values []string, text string) string {
	if len(text)*len(values) > maxSearched {
		return fmt.Sprintf("[a text of %d bytes, too long to take %d values out of it]", len(text), len(values))
	}
	for _, v := range values {
		if len(v) > len(text) {
			continue
		}
		text = strings.ReplaceAll(text, v, "[value]")
		if q := strconv.Quote(v); q[1:len(q)-1] != v {
			text = strings.ReplaceAll(text, q[1:len(q)-1], "[value]")
		}
		for _, quote := range [...]string{"'", `"`} { // as SQL has it between quotes
			if strings.Contains(v, quote) {
				text = strings.ReplaceAll(text, strings.ReplaceAll(v, quote, quote+quote), "[value]")
			}
		}
	}
	return text
}

// masked lists what is taken out of the texts about a call.
func masked(d door, sources [][]byte) []string {
	values := tokens(d.Header(echo.HeaderAuthorization), d.Outer())
	for _, source := range sources {
		values = appendValues(values, source)
	}
	return values
}

// tokens lists the token of a request as it was sent, and as it would stand in a URL.
func tokens(authorization string, ec echo.Context) (found []string) {
	token := strings.TrimSpace(authorization)
	if scheme := strings.IndexAny(token, " \t"); scheme >= 0 {
		token = strings.TrimSpace(token[scheme:])
	}
	for _, t := range []string{token, authn.TokenFrom(ec)} {
		if len(t) < minMasked || len(t) > maxToken {
			continue
		}
		found = append(found, t)
		for _, escaped := range []string{url.QueryEscape(t), url.PathEscape(t)} {
			if escaped != t {
				found = append(found, escaped)
			}
		}
	}
	return found
}

// appendValues adds the strings and numbers in a JSON text, but not the names of members.
func appendValues(values []string, raw []byte) []string {
	if len(raw) == 0 {
		return values
	}
	d := jsontext.NewDecoder(strings.NewReader(string(raw)))
	for len(values) < maxMasked {
		token, err := d.ReadToken()
		if err != nil {
			return values
		}
		if kind := token.Kind(); kind != '"' && kind != '0' {
			continue
		}
		if outer, n := d.StackIndex(d.StackDepth()); outer == '{' && n%2 == 1 {
			continue // a name
		}
		if s := token.String(); len(s) >= minMasked {
			values = append(values, s)
		}
	}
	return values
}
