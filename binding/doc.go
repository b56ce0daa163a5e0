// Package binding turns untrusted JSON arguments into Go structs, and Go structs into JSON Schema.
// It is what decodes the arguments of a tool, and it serves any Echo handler as well. Of MCP it
// knows one thing: a field tagged mcpheader has the annotation x-mcp-header in the schema.
//
// # The simplest use
//
// A handler reads its body and asks for a struct. It gets one, or an [Error] that lists everything
// that is wrong with the body, and no value that the caller sent:
//
//	in, err := binding.DecodeJSON[CreateInvoice](body)
//	if bad, ok := errors.AsType[*binding.Error](err); ok {
//		return c.JSON(http.StatusUnprocessableEntity, bad)
//	} else if err != nil {
//		return err
//	}
//
// The answer to {"numbr":"A-1","amount_cents":-1} is
//
//	{"fields":[{"path":"numbr","rule":"unknown","message":"is not an argument; did you mean \"number\"?"},
//	{"path":"amount_cents","rule":"gte","message":"must be at least 0"},
//	{"path":"number","rule":"required","message":"is required"}]}
//
// # Declaring arguments
//
// One struct is the source of decoding, of validation and of the schema:
//
//	type CreateInvoice struct {
//		Number string              `json:"number" validate:"required,max=32" doc:"Unique number."`
//		Amount int64               `json:"amount_cents" validate:"required,gte=0"`
//		Status string              `json:"status" validate:"oneof=draft paid" default:"draft"`
//		Note   binding.Opt[string] `json:"note"`
//	}
//
// [Compile] checks it once, at start-up. A mistake in a tag is an error there, which names the
// type, the field and the fix:
//
//	args, err := binding.Compile(binding.Part{Type: reflect.TypeFor[CreateInvoice]()})
//
// The tags are
//
//	json        the name of the argument, as encoding/json/v2 reads it
//	validate    rules of go-playground/validator
//	doc         the description in the schema
//	default     the value of an absent argument; a text is written without quotes, the rest as JSON
//	example     an example in the schema, written like a default
//	secret      "true": no reply and no log may show the field, see Redact
//	nul         "true": texts in the field may hold U+0000
//	mcpheader   a header in which MCP clients repeat the argument, for proxies to route by
//
// Several structs can be joined into one set of arguments. That is how a step of a route adds its
// own, with a check of its own:
//
//	args, err := binding.Compile(
//		binding.Part{Type: reflect.TypeFor[Search]()},
//		binding.Part{Type: reflect.TypeFor[Limit](), Check: func(v any) []binding.FieldError {
//			limit := v.(*Limit)
//			limit.Limit = min(limit.Limit, 100)
//			return nil
//		}},
//	)
//
// Decode then takes a pointer for each part, in the same order:
//
//	if err := args.Decode([]byte(`{"text": "late", "limit": 1000}`), &search, &limit); err != nil {
//		panic(err)
//	}
//
// # What is refused
//
// [Args.Decode] is strict, because a caller that misspells an argument must hear of it, and because
// two readers of one document must not understand it differently:
//
//   - Names are case-sensitive. Unknown names and names given twice are errors.
//   - An integer is exact and has no fraction; a number out of range is an error and never wraps.
//   - Nesting ends at 64 levels, and after 100 errors no more are listed.
//   - A text must not hold U+0000, which PostgreSQL cannot store.
//
// Errors are listed all at once and in the order of the document. Of a field that is there every
// broken rule is listed. A check of the struct itself, see Rules, is made when its fields are
// right. No message repeats a value, so that it may be logged.
//
// # Absent and null
//
// A null counts as absent where the argument is optional, because models in strict modes send null
// for each argument that they do not give. For a required argument it is an error, and inside of
// lists and maps too. Where null has a meaning of its own, as in a partial update, use [Opt]:
//
//	switch note, ok := p.Note.Get(); {
//	case ok:
//		fmt.Println("set note to", note)
//	case p.Note.IsNull():
//		fmt.Println("clear note")
//	default:
//		fmt.Println("leave note")
//	}
//
// Fields of type any and jsontext.Value take null as a value as well.
//
// # Rules
//
// JSON tells an absent argument from a zero one, so the rules are about presence:
//
//   - required means present, and for a string also not empty. It accepts 0 and false.
//   - Other rules are checked when the field is present, also when its value is zero.
//   - Rules of nested structs are always checked, with or without dive.
//   - Rules that compare sizes with another field (gtfield, ltefield, ...) are checked when both
//     fields are present.
//   - Rules that name fields (eqfield, eqcsfield, required_if, ...) use Go names of the same
//     struct.
//
// What JSON Schema can express of the rules is in the schema, and the rest in the descriptions.
// What no rule can express, a struct checks by a method, once its own fields are right; its errors
// join those of other parts; see [Args.DecodeContext]:
//
//	func (p Period) Check(context.Context) error {
//		if p.To < p.From {
//			return binding.Errorf("to", "period", "must not be before from")
//		}
//		return nil
//	}
//
// A [Compiler] knows the rules and aliases that an application has registered:
//
//	compiler := binding.Compiler{Validator: rules}
//	args, err := compiler.Compile(binding.Part{Type: reflect.TypeFor[Line]()})
//
// # Schemas
//
// [Args.Schema] is the schema of the arguments. A type whose form cannot be seen from its fields,
// since it has JSON methods, brings its own by a method JSONSchema() *jsonschema.Schema; it is
// listed, not enforced. A schema that exists already is enforced by [CompileWithSchema]:
//
//	args, err := binding.CompileWithSchema(schema, binding.Part{Type: reflect.TypeFor[map[string]any]()})
//
// # Query strings and Go values
//
// [Args.Query] turns the query string of a REST request into the JSON that Decode takes, by the
// types of the arguments, and [Args.Encode] does so with a Go value:
//
//	data, err := args.Query(url.Values{"status": {"draft,paid"}, "min": {"5"}, "sent": {"true"}})
//
//	data, err := args.Encode(CreateInvoice{Number: "A-1", Status: "paid"})
//
// # Results and secrets
//
// [Marshal] is the one encoder of results: nil lists are [], nil maps {}, the keys of maps are
// sorted. [OutputSchema] describes what it writes. A value that could show a field tagged secret is
// an error, and so is a result type that has one. [Redact] hides such fields from a log:
//
//	log.Info("login", "input", binding.Redact(in))
//
// [Credentials] finds fields of a model that look like credentials and are not tagged, for a test
// of the application to list:
//
//	fmt.Println(binding.Credentials(reflect.TypeFor[Account]()))
//
// # Without MCP
//
// The package needs neither a server nor a database. With Echo, take [DecodeJSON] for a body, and
// [Args.Query] with [Args.Decode] for a query string. Packages filters, ordering and paginate
// declare the arguments of a list as parts.
package binding
