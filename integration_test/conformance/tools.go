package main

import (
	"github.com/mcpecho/kit/mcpecho"
)

type none struct{}

// specs are the tools of the suite. Its header scenario calls the first one
// without arguments.
func specs() []*mcpecho.Spec {
	return []*mcpecho.Spec{
		mcpecho.Service("test_simple_text", simpleText,
			mcpecho.Describe("Returns a simple text."), mcpecho.Annotate(mcpecho.ReadOnly(true))),
		mcpecho.Service("test_error_handling", errorHandling,
			mcpecho.Describe("Always fails, with a message for the model.")),
		mcpecho.Service("json_schema_2020_12_tool", echoArguments,
			mcpecho.Describe("Returns its arguments, which a hand-written JSON Schema 2020-12 describes."),
			mcpecho.InputSchema(contactSchema)),
	}
}

func simpleText(*mcpecho.Call, none) (string, error) {
	return "This is a simple text response for testing.", nil
}

func errorHandling(*mcpecho.Call, none) (none, error) {
	return none{}, mcpecho.Errorf("This tool intentionally returns an error for testing")
}

func echoArguments(_ *mcpecho.Call, in map[string]any) (map[string]any, error) { return in, nil }

// contactSchema uses the keywords that a schema generated from a Go type does
// not have; the suite wants to find every one of them in tools/list.
const contactSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "$defs": {
    "address": {
      "$anchor": "addressDef",
      "type": "object",
      "properties": {"street": {"type": "string"}, "city": {"type": "string"}}
    }
  },
  "properties": {
    "name": {"type": "string"},
    "address": {"$ref": "#/$defs/address"},
    "contactMethod": {"type": "string", "enum": ["phone", "email"]},
    "phone": {"type": "string"},
    "email": {"type": "string"}
  },
  "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
  "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
  "then": {"required": ["phone"]},
  "else": {"required": ["email"]},
  "additionalProperties": false
}`
