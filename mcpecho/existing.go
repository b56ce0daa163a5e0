package mcpecho

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
)

// existing is a handler of the application, and where it looks for what it is asked.
type existing struct {
	handler  echo.HandlerFunc
	method   string
	path     string   // as the application has registered it
	text     []string // of the path, around its parameters
	params   []string // their names, the last one may be *
	in       reflect.Type
	declared reflect.Type // in, or the same struct with the names of all arguments in json tags
	out      reflect.Type // of what it writes, nil when that is not known
	inputs   []input
	media    string // of the body, "" for none
}

// input is an argument that the handler looks for.
type input struct {
	argument string
	key      string // of the parameter, or in the body
	place    inputPlace
	nullable bool // null is a value, not absence

	field reflect.StructField
	inner bool // it is a field of an embedded struct
	named bool // its json tag names the argument
	form  string
}

type inputPlace uint8

const (
	inPath inputPlace = iota + 1
	inQuery
	inBody // which is JSON, or a form
	inFile // of a form
)

// newExisting reads a route and finds a place in it for each field of in.
func newExisting(route string, h echo.HandlerFunc, in reflect.Type) (*existing, error) {
	x := &existing{handler: h, in: in, declared: in}
	if err := x.parse(route); err != nil {
		return x, fmt.Errorf("route %q: %w", route, err)
	}
	if in.Kind() != reflect.Struct {
		return x, nil // which package binding refuses
	}
	if err := x.collect(in, false); err != nil {
		return x, err
	}
	if err := x.settleBody(); err != nil {
		return x, err
	}
	if err := x.checkInputs(); err != nil {
		return x, err
	}
	return x, x.declare()
}

// parse reads a route as Echo's router does.
func (x *existing) parse(route string) error {
	method, path, ok := strings.Cut(route, " ")
	if !ok || !strings.HasPrefix(path, "/") {
		return errors.New(`write the method, a space and the path, as "GET /users/:id"`)
	}
	if !slices.Contains(routeMethods, method) {
		return fmt.Errorf("the method must be one of %s", strings.Join(routeMethods, ", "))
	}
	x.method, x.path = method, path
	text := ""
	param := func(name string) error {
		if name == "" || slices.Contains(x.params, name) {
			return fmt.Errorf("the parameter %q needs a name of its own", ":"+name)
		}
		x.text, x.params, text = append(x.text, text), append(x.params, name), ""
		return nil
	}
	for i := 0; i < len(path); i++ {
		var err error
		switch {
		case strings.HasPrefix(path[i:], `\:`):
			i++
			text += ":"
		case path[i] == ':':
			name, _, _ := strings.Cut(path[i+1:], "/")
			err = param(name)
			i += len(name)
		case path[i] == '*' && i+1 < len(path):
			err = errors.New("a * is the end of a path")
		case path[i] == '*':
			err = param("*")
		default:
			text += path[i : i+1]
		}
		if err != nil {
			return err
		}
	}
	x.text = append(x.text, text)
	return nil
}

// collect finds a place for each field of a struct and of those that it embeds.
func (x *existing) collect(t reflect.Type, inner bool) error {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		named := name != "" && tag != "-"
		if f.Anonymous && !named {
			elem := f.Type
			if elem.Kind() == reflect.Pointer {
				elem = elem.Elem()
			}
			if elem.Kind() == reflect.Struct {
				if err := x.collect(elem, true); err != nil {
					return err
				}
				continue
			}
		}
		bound := firstTag(f, "param", "query", "form")
		if !f.IsExported() || tag == "-" && bound == "" {
			continue
		}
		in := input{argument: name, field: f, inner: inner, named: named, nullable: takesNull(f.Type), form: f.Tag.Get("form")}
		switch {
		case !named && bound != "":
			in.argument = bound
		case !named:
			in.argument = f.Name
		}
		if err := x.place(&in); err != nil {
			return fmt.Errorf("field %s of %s %w", f.Name, t, err)
		}
		x.inputs = append(x.inputs, in)
	}
	return nil
}

func firstTag(f reflect.StructField, keys ...string) string {
	for _, key := range keys {
		if v := f.Tag.Get(key); v != "" {
			return v
		}
	}
	return ""
}

// takesNull says whether null is a value of the type.
func takesNull(t reflect.Type) bool {
	if t.Kind() == reflect.Interface || t == reflect.TypeFor[jsontext.Value]() || t == reflect.TypeFor[json.RawMessage]() {
		return true
	}
	_, is := reflect.Zero(reflect.PointerTo(t)).Interface().(interface{ IsNull() bool }) // binding.Opt
	return is
}

// place decides where the handler looks for an argument: as its tags say, in the order in which
// Echo binds.
func (x *existing) place(in *input) error {
	param, query := in.field.Tag.Get("param"), in.field.Tag.Get("query")
	hasBody := x.method != http.MethodGet && x.method != http.MethodDelete
	switch {
	case param != "" && !slices.Contains(x.params, param):
		return fmt.Errorf("is param:%q, which the path does not have", param)
	case param != "":
		in.place, in.key = inPath, param
	case query == "" && in.form == "" && slices.Contains(x.params, in.argument):
		in.place, in.key = inPath, in.argument
	case query != "" && (!hasBody || !in.named && in.form == ""):
		in.place, in.key = inQuery, query
	case in.field.Tag.Get("header") != "" && !in.named && in.form == "":
		return errors.New("is a header, which no argument can be: leave it out")
	case x.method == http.MethodGet, x.method == http.MethodDelete && !in.named && in.form != "":
		return fmt.Errorf("has no place: a %s has no such body, so tag it query or param", x.method)
	default:
		in.place = inBody
	}
	return nil
}

// settleBody decides whether the body is JSON or a form.
func (x *existing) settleBody() error {
	onForm := func(in input) bool { return in.place == inBody && in.form != "" && !in.named }
	isForm := slices.ContainsFunc(x.inputs, onForm)
	for i := range x.inputs {
		in := &x.inputs[i]
		switch {
		case in.place != inBody:
		case !isForm:
			x.media = echo.MIMEApplicationJSON
			if in.key = in.argument; !in.named {
				in.key = in.field.Name
			}
		case in.form == "":
			return fmt.Errorf("field %s is in a JSON body and others are in a form: tag all of them json, or all form", in.field.Name)
		default:
			in.key = in.form
			if in.field.Type == reflect.TypeFor[[]byte]() {
				in.place, x.media = inFile, echo.MIMEMultipartForm
			} else if x.media == "" {
				x.media = echo.MIMEApplicationForm
			}
		}
	}
	return nil
}

// checkInputs refuses what would get lost, and parameters without a field.
func (x *existing) checkInputs() error {
	for i, in := range x.inputs {
		for _, other := range x.inputs[:i] {
			switch {
			case other.argument == in.argument:
				return fmt.Errorf("fields %s and %s are both the argument %q: name one of them with a json tag", other.field.Name, in.field.Name, in.argument)
			case other.place == in.place && other.key == in.key:
				return fmt.Errorf("fields %s and %s have the same place %q", other.field.Name, in.field.Name, in.key)
			}
		}
		if in.place != inPath || in.key == "*" {
			continue
		}
		if _, has := in.field.Tag.Lookup("default"); has || slices.Contains(rulesOf(in.field), "omitempty") {
			return fmt.Errorf("field %s stands in the path of every call: leave its default or omitempty out", in.field.Name)
		}
	}
	for _, name := range x.params {
		if !slices.ContainsFunc(x.inputs, func(in input) bool { return in.place == inPath && in.key == name }) {
			return fmt.Errorf("the path has the parameter %q, and no field of %s is param:%q", name, x.in, name)
		}
	}
	return nil
}

func rulesOf(f reflect.StructField) []string { return strings.Split(f.Tag.Get("validate"), ",") }

// declare makes the struct that the arguments are decoded into: in, unless a name or the rule of a
// parameter is not in its tags yet. The two can be converted into each other.
func (x *existing) declare() (err error) {
	tags := map[string]reflect.StructTag{} // in front of those of a field
	for _, in := range x.inputs {
		var more string
		if !in.named && in.argument != in.field.Name {
			_, options, _ := strings.Cut(in.field.Tag.Get("json"), ",")
			more = "json:" + strconv.Quote(strings.TrimSuffix(in.argument+","+options, ",")) + " "
		}
		if in.place == inPath && in.key != "*" && !slices.Contains(rulesOf(in.field), "required") {
			more += "validate:" + strconv.Quote(strings.TrimSuffix("required,"+in.field.Tag.Get("validate"), ",")) + " "
		}
		if more == "" {
			continue
		}
		if in.inner {
			return fmt.Errorf("field %s is one of a struct that %s embeds: tag it json:%q, and validate:\"required\" in a path", in.field.Name, x.in, in.argument)
		}
		tags[in.field.Name] = reflect.StructTag(more)
	}
	if len(tags) == 0 {
		return nil
	}
	for _, method := range []string{"Check", "JSONSchema"} {
		if _, has := reflect.PointerTo(x.in).MethodByName(method); has {
			return fmt.Errorf("%s has a method %s, so name its arguments with json tags, and tag those of the path validate:\"required\"", x.in, method)
		}
	}
	defer func() {
		if failed := recover(); failed != nil {
			err = fmt.Errorf("name the arguments of %s with json tags: %v", x.in, failed)
		}
	}()
	fields := make([]reflect.StructField, x.in.NumField())
	for i := range fields {
		fields[i] = x.in.Field(i)
		fields[i].Tag = tags[fields[i].Name] + fields[i].Tag
	}
	x.declared = reflect.StructOf(fields)
	return nil
}

// settleInputs checks what only the compiled arguments tell, and takes their defaults.
func (e *entry) settleInputs() error {
	x := e.spec.existing
	if x == nil {
		return nil
	}
	schema := readSchema(e.args.Schema())
	e.defaults = map[string]rawJSON{}
	for _, in := range x.inputs {
		switch {
		case in.place == inPath && !e.args.Single(in.argument):
			return fmt.Errorf("the argument %q is no single value, so it cannot stand in the path", in.argument)
		case in.place == inQuery && !e.args.InQuery(in.argument), in.place == inBody && x.media != echo.MIMEApplicationJSON && !e.args.InQuery(in.argument):
			return fmt.Errorf("the argument %q is an object, which neither a query string nor a form can hold", in.argument)
		}
		property := readSchema(schema.Properties[in.argument])
		if _, has := in.field.Tag.Lookup("default"); has {
			e.defaults[in.argument] = property.Default
		}
		if property.Default = nil; property.fills() {
			return fmt.Errorf("the argument %q has defaults inside, which the handler would not get: leave them to it", in.argument)
		}
	}
	for name, def := range schema.Defs {
		if readSchema(def).fills() {
			return fmt.Errorf("the type %s in the arguments has defaults, which the handler would not get: leave them to it", name)
		}
	}
	return nil
}

// inputSchema is what matters here of a JSON Schema.
type inputSchema struct {
	Default    rawJSON            `json:"default"`
	Properties map[string]rawJSON `json:"properties"`
	Items      rawJSON            `json:"items"`
	Values     rawJSON            `json:"additionalProperties"`
	Defs       map[string]rawJSON `json:"$defs"`
}

// readSchema reads a schema; one that is true or false says nothing that matters.
func readSchema(raw rawJSON) (s inputSchema) {
	if raw.Kind() == '{' {
		_ = jsonv2.Unmarshal(raw, &s)
	}
	return s
}

// fills says whether the schema has a default, at whatever depth.
func (s inputSchema) fills() bool {
	inside := append(slices.Collect(maps.Values(s.Properties)), s.Items, s.Values)
	return s.Default != nil || slices.ContainsFunc(inside, func(raw rawJSON) bool { return raw.Kind() == '{' && readSchema(raw).fills() })
}

// readOnly says whether the route promises to change nothing.
func (x *existing) readOnly() bool { return x != nil && x.method == http.MethodGet }
