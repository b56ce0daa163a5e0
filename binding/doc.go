// Package binding turns untrusted JSON arguments into Go structs, and Go structs into JSON Schema.
// It serves any Echo handler; of MCP it knows only the annotation of a field tagged mcpheader.
//
// # Declaring
//
// A struct is the single source of decoding, of validation and of the schema:
//
//	type CreateInvoice struct {
//		Number string            `json:"number" validate:"required,max=32" doc:"Unique number."`
//		Amount int64             `json:"amount_cents" validate:"required,gte=0"`
//		Status string            `json:"status" validate:"oneof=draft paid" default:"draft"`
//		Note   binding.Opt[string] `json:"note"`
//	}
//
// The tag json names the arguments as encoding/json/v2 does. The tag validate holds rules of
// go-playground/validator; an unknown one fails in Compile. The tags doc, default and example fill
// the schema, mcpheader adds x-mcp-header, and secret marks what no reply and no log may show: see
// Redact. A type whose form the schema cannot see, since it has JSON methods of its own, may bring
// its schema with a method JSONSchema() *jsonschema.Schema; it is listed, not enforced. [Compile]
// joins several such structs into one set of arguments.
//
// # Decoding
//
// [Args.Decode] is strict: names are case-sensitive, unknown and duplicate names are refused,
// integers are exact and have no fraction, and nesting ends at 64 levels. A null counts as absent
// where the argument is optional, since models in strict modes send one for each argument they do
// not give; it is a value for an [Opt], any and jsontext.Value, and refused for a required argument
// and inside of lists and maps. Every error is reported at once, in the order of the document, in
// an [Error] that never repeats a value: every rule that a field breaks. A text must not hold
// U+0000, which PostgreSQL cannot store, unless the tag `nul:"true"` allows it in a field and in
// what is within.
//
// # Rules
//
// JSON tells absent from zero, so rules are about presence: required means present (and, for a
// string, not empty), and accepts 0 and false. Other rules are checked when the field is present,
// be its value zero or not. Rules of nested structs are always checked, with or without dive. Rules
// that compare sizes with another field (gtfield, ltefield, ...) are checked when both fields are
// present. Rules that name fields (…field, …csfield, required_if, ...) use Go names of the same
// struct. A [Compiler] knows the rules of an application too. What JSON Schema can say of the rules
// stands in the schema, the rest in the descriptions. What no rule can say, an input checks by a
// method Check(context.Context) error, whose errors join the others: see [Args.DecodeContext].
//
// # Encoding
//
// [Marshal] is the one encoder of results, and [OutputSchema] describes what it writes.
package binding
