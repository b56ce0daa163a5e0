package mcpecho

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/binding"
)

// enter gives a call the request that the route of its handler would have, from the raw arguments:
// steps in front of validate see what the handler will see. What validate refuses never reaches the
// handler.
func (x *existing) enter(c *Call, own *ownContext) {
	var (
		members map[string]jsontext.Value
		params  = make([]string, len(x.params))
		around  = c.paramsAround()
		query   = url.Values{}
		body    = newBody(x.media)
	)
	if json.Unmarshal(c.arguments, &members) != nil {
		members = nil // validate says what is wrong with it
	}
	for _, in := range x.inputs {
		raw := members[in.argument]
		if raw == nil || raw.Kind() == 'n' && !in.nullable {
			raw = c.entry.defaults[in.argument]
		}
		if raw == nil {
			continue
		}
		switch in.place {
		case inPath:
			value := textOf(raw)
			problem := wrongInPath(in.key, value)
			if of, is := around[in.key]; is && of != value {
				problem = "must be what the address of the server says"
			}
			if problem != "" {
				own.refused = append(own.refused, binding.FieldError{Path: in.argument, Rule: "path", Message: problem})
				continue
			}
			params[slices.Index(x.params, in.key)] = value
		case inQuery:
			query[in.key] = textsOf(raw)
		default:
			body.add(in, raw)
		}
	}
	r := &http.Request{Method: x.method, URL: x.url(params, query)}
	outer := c.Request()
	r.Proto, r.ProtoMajor, r.ProtoMinor = outer.Proto, outer.ProtoMajor, outer.ProtoMinor
	r.Host, r.RemoteAddr, r.TLS = outer.Host, outer.RemoteAddr, outer.TLS
	r.RequestURI, r.Header, r.Body = r.URL.RequestURI(), headersOfCaller(outer.Header), http.NoBody
	if content, media := body.finish(); len(content) > 0 {
		own.body = &requestBody{*bytes.NewReader(content)}
		r.Body, r.ContentLength = own.body, int64(len(content))
		r.Header.Set(echo.HeaderContentType, media)
	}
	c.SetRequest(r.WithContext(outer.Context()))
	c.SetPath(x.path)
	names := slices.Clone(x.params)
	for name, value := range around {
		if !slices.Contains(names, name) {
			names, params = append(names, name), append(params, value)
		}
	}
	c.SetParamNames(names...)
	c.SetParamValues(params...)
	c.SetHandler(x.handler)
}

// paramsAround are the parameters in the path where the server is mounted, as the tenant of
// /tenants/:tenant/mcp. Steps of the server rely on them, so no argument changes one.
func (c *Call) paramsAround() map[string]string {
	outer, around := c.door.Outer(), map[string]string{}
	names := outer.ParamNames()
	if rest, ok := outermostDoor(c.door).(*request); ok {
		names = names[:max(0, len(names)-len(rest.route.params))] // the others are arguments
	}
	for _, name := range names {
		around[name] = outer.Param(name)
	}
	return around
}

// wrongInPath says why a value cannot stand for a parameter: in the URL it would be more or less
// than the part of the path that the route has for it.
func wrongInPath(param, value string) string {
	switch {
	case param != "*" && (value == "" || value == "." || value == ".." || strings.Contains(value, "/")):
		return `must be one segment of a path: not empty, not "." or "..", without a slash`
	case param == "*" && value != "" && (value == "." || !fs.ValidPath(value)):
		return `must be a path without a leading or trailing slash and without empty, "." and ".." segments`
	}
	return ""
}

// url is that of the route with these values in it. A value that is refused leaves its place empty.
func (x *existing) url(params []string, query url.Values) *url.URL {
	u := &url.URL{RawQuery: query.Encode()}
	for i, text := range x.text {
		u.Path += text
		u.RawPath += (&url.URL{Path: text}).EscapedPath()
		if i == len(params) {
			break
		}
		u.Path += params[i]
		for j, segment := range strings.Split(params[i], "/") {
			if j > 0 {
				u.RawPath += "/"
			}
			u.RawPath += url.PathEscape(segment)
		}
	}
	if u.RawPath == (&url.URL{Path: u.Path}).EscapedPath() {
		u.RawPath = "" // as net/http leaves it
	}
	return u
}

// textOf is a single value as a URL or a form has it.
func textOf(raw jsontext.Value) string {
	switch raw.Kind() {
	case '"':
		text, _ := jsontext.AppendUnquote(nil, raw)
		return string(text)
	case '0':
		if string(raw) == "-0" {
			return "0"
		}
	}
	return string(raw)
}

// textsOf is a list as the values of one key.
func textsOf(raw jsontext.Value) (texts []string) {
	var list []jsontext.Value
	if raw.Kind() != '[' || json.Unmarshal(raw, &list) != nil {
		return []string{textOf(raw)}
	}
	for _, v := range list {
		texts = append(texts, textOf(v))
	}
	return texts
}

// headersOfCaller are the headers of a request without those that are about its body or its reply.
func headersOfCaller(outer http.Header) http.Header {
	h := make(http.Header, len(outer))
	for name, values := range outer {
		if !ofMessage[name] && !slices.ContainsFunc(ofMessages, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			h[name] = slices.Clone(values)
		}
	}
	for _, names := range outer[echo.HeaderConnection] {
		for name := range strings.SplitSeq(names, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	h.Set(echo.HeaderAccept, "application/json, */*;q=0.8")
	return h
}

var (
	ofMessages = []string{"Mcp-", "Content-", "If-", "Sec-Websocket-"}
	ofMessage  = map[string]bool{
		"Accept-Encoding": true, "Connection": true, "Expect": true, "Keep-Alive": true, "Last-Event-Id": true, "Proxy-Authorization": true,
		"Proxy-Connection": true, "Range": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
		// The method is that of the route.
		"X-Http-Method": true, "X-Http-Method-Override": true, "X-Method-Override": true,
	}
)

// requestBody is a body that can be read again.
type requestBody struct{ bytes.Reader }

func (*requestBody) Close() error { return nil }

func (b *requestBody) rewind() { _, _ = b.Seek(0, io.SeekStart) }

// bodyBuilder makes a body of one media type.
type bodyBuilder struct {
	media string
	json  []byte
	form  url.Values
	buf   bytes.Buffer
	parts *multipart.Writer
}

func newBody(media string) *bodyBuilder {
	b := &bodyBuilder{media: media, form: url.Values{}}
	if media == echo.MIMEMultipartForm {
		b.parts = multipart.NewWriter(&b.buf)
	}
	return b
}

// add writes an argument. Writing to a buffer does not fail.
func (b *bodyBuilder) add(in input, raw jsontext.Value) {
	switch {
	case b.media == echo.MIMEApplicationJSON:
		b.json, _ = jsontext.AppendQuote(append(b.json, ','), in.key)
		b.json = append(append(b.json, ':'), raw...)
	case in.place == inFile:
		var content []byte
		if json.Unmarshal(raw, &content) != nil {
			return // which validate refuses
		}
		header := textproto.MIMEHeader{}
		header.Set(echo.HeaderContentDisposition, multipart.FileContentDisposition(in.key, in.key))
		header.Set(echo.HeaderContentType, http.DetectContentType(content))
		if part, err := b.parts.CreatePart(header); err == nil {
			_, _ = part.Write(content)
		}
	case b.parts != nil:
		for _, text := range textsOf(raw) {
			_ = b.parts.WriteField(in.key, text)
		}
	default:
		b.form[in.key] = textsOf(raw)
	}
}

func (b *bodyBuilder) finish() (content []byte, media string) {
	switch b.media {
	case echo.MIMEApplicationJSON:
		if b.json == nil {
			return []byte("{}"), b.media
		}
		b.json[0] = '{'
		return append(b.json, '}'), b.media
	case echo.MIMEApplicationForm:
		return []byte(b.form.Encode()), b.media
	case echo.MIMEMultipartForm:
		_ = b.parts.Close()
		return b.buf.Bytes(), b.parts.FormDataContentType()
	}
	return nil, ""
}

// decode decodes the arguments into an In, whatever struct they are declared by.
func (x *existing) decode(c *Call) error {
	into := slices.Clone(c.args)
	if x.declared != x.in {
		c.args[0] = reflect.ValueOf(into[0]).Convert(reflect.PointerTo(x.in)).Interface()
	}
	err := c.entry.args.DecodeContext(c.Ctx(), c.arguments, into...)
	own, ok := c.Context.(*ownContext)
	if !ok || own.refused == nil {
		return err
	}
	bad, ok := errors.AsType[*binding.Error](err)
	if err != nil && !ok {
		return err
	}
	if bad == nil {
		bad = &binding.Error{}
	}
	all := slices.Clone(bad.Fields)
	for _, f := range own.refused {
		if !slices.ContainsFunc(bad.Fields, func(known binding.FieldError) bool { return known.Path == f.Path }) {
			all = append(all, f)
		}
	}
	return &binding.Error{Fields: all}
}

// encode is what a Go value says as arguments; a value of In has the names of the declaration.
func (e *entry) encode(v any) ([]byte, error) {
	if x := e.spec.existing; x != nil && x.declared != x.in {
		if in := reflect.Indirect(reflect.ValueOf(v)); in.IsValid() && in.Type() == x.in {
			v = in.Convert(x.declared).Interface()
		}
	}
	return e.args.Encode(v)
}
