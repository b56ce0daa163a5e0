package wire

import (
	"fmt"
	"maps"
	"math/big"
	"net/textproto"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

// Param is an argument that clients of the modern wire repeat in a header, so that proxies can
// route by it. (specification 2026-07-28, server/tools, section x-mcp-header)
type Param struct {
	path   []string // of property names
	header string   // canonical
	typ    string   // string, integer or boolean
}

const headerKeyword = "x-mcp-header"

// Params finds the annotated properties of an input schema and checks the rules that clients hold a
// tool to: one bad annotation makes them drop the whole tool.
func Params(schema []byte) ([]Param, error) {
	var found []Param
	total, err := countKeyword(schema)
	if err != nil || total == 0 {
		return nil, err
	}
	if err := reachable(schema, nil, &found); err != nil {
		return nil, err
	}
	if len(found) != total {
		return nil, fmt.Errorf("an %s annotation must be on an argument or a property of an object argument, not inside arrays, alternatives or definitions", headerKeyword)
	}
	seen := map[string]bool{}
	for _, p := range found {
		if seen[p.header] {
			return nil, fmt.Errorf("two arguments have the %s %s", headerKeyword, strings.TrimPrefix(p.header, "Mcp-Param-"))
		}
		seen[p.header] = true
	}
	return found, nil
}

// reachable walks the chains of properties from the root.
func reachable(schema jsontext.Value, path []string, found *[]Param) error {
	var s struct {
		Properties map[string]jsontext.Value `json:"properties"`
	}
	if schema.Kind() != '{' {
		return nil
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[name]
		var p struct {
			Header jsontext.Value `json:"x-mcp-header"`
			Type   jsontext.Value `json:"type"`
		}
		if property.Kind() != '{' {
			continue
		}
		if err := json.Unmarshal(property, &p); err != nil {
			return err
		}
		here := append(path[:len(path):len(path)], name)
		if p.Header != nil {
			var header, typ string
			if json.Unmarshal(p.Header, &header) != nil || !isToken(header) {
				return fmt.Errorf("%s of %s must be a header name: letters, digits and hyphens", headerKeyword, strings.Join(here, "."))
			}
			if json.Unmarshal(p.Type, &typ) != nil || (typ != "string" && typ != "integer" && typ != "boolean") {
				return fmt.Errorf("%s of %s must be on a string, integer or boolean", headerKeyword, strings.Join(here, "."))
			}
			*found = append(*found, Param{here, textproto.CanonicalMIMEHeaderKey("Mcp-Param-" + header), typ})
		}
		if err := reachable(property, here, found); err != nil {
			return err
		}
	}
	return nil
}

// countKeyword counts the annotations anywhere in a schema.
func countKeyword(schema []byte) (n int, err error) {
	if !strings.Contains(string(schema), headerKeyword) {
		return 0, nil
	}
	var v any
	if err := json.Unmarshal(schema, &v); err != nil {
		return 0, err
	}
	var count func(v any)
	count = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, member := range v {
				if k == headerKeyword {
					n++
				}
				count(member)
			}
		case []any:
			for _, member := range v {
				count(member)
			}
		}
	}
	count(v)
	return n, nil
}

// isToken is the syntax of a header field name. (RFC 9110, section 5.1)
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}

// check compares the header of an argument with the argument.
func (p Param) check(x *Exchange) error {
	value := x.Message.Arguments
	for _, name := range p.path {
		value = jsonrpc.Member(value, name)
	}
	sent, single := x.one(p.header)
	present := x.peer.header(p.header) != nil
	if !single {
		return mismatch("repeated " + p.header + " header")
	}
	if value == nil || value[0] == 'n' {
		if present {
			return mismatch("the " + p.header + " header is for an argument that is not in the body")
		}
		return nil
	}
	text, ok := decodeHeader(sent)
	if !present || !ok || !p.equal(text, value) {
		return mismatch("the " + p.header + " header is not the argument " + strings.Join(p.path, ".") + " of the body")
	}
	return nil
}

// decimal reads a number without an exponent, which would make a short text a long number. Longer
// than any safe integer, it is none.
func decimal(s string) (*big.Rat, bool) {
	if len(s) > 40 || strings.Trim(s, "-.0123456789") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// equal compares a header value with a JSON value: integers by value, others by text.
func (p Param) equal(header string, value []byte) bool {
	if text, ok := jsonrpc.Unquote(value); ok {
		return header == string(text)
	}
	if p.typ == "integer" {
		a, okA := decimal(header)
		b, okB := decimal(string(value))
		return okA && okB && a.Cmp(b) == 0
	}
	return header == string(value)
}
