package main

import (
	"time"

	"github.com/go-json-experiment/json"

	"github.com/mcpecho/kit/mcpecho"
)

type none struct{}

// tools are the tools of the suite. Its header scenario calls the first one without arguments.
func tools() []*mcpecho.Spec {
	return []*mcpecho.Spec{
		mcpecho.Service("test_simple_text", simpleText,
			mcpecho.Describe("Returns a simple text."), mcpecho.Annotate(mcpecho.ReadOnly(true))),
		mcpecho.Service("test_error_handling", errorHandling,
			mcpecho.Describe("Always fails, with a message for the model.")),
		mcpecho.Service("test_tool_with_progress", withProgress,
			mcpecho.Describe("Reports progress three times.")),
		mcpecho.Service("test_tool_with_logging", withLogging,
			mcpecho.Describe("Logs three messages.")),
		mcpecho.Service("test_logging_tool", withLogging,
			mcpecho.Describe("Logs three messages, for clients that ask for them.")),
		mcpecho.Service("test_streaming_elicitation", withProgress,
			mcpecho.Describe("Streams notifications, and no request, before its result.")),
		mcpecho.Service("test_missing_capability", missingCapability,
			mcpecho.Describe("Needs a client that samples.")),
		mcpecho.Service("test_x_mcp_header", region,
			mcpecho.Describe("Returns arguments that clients repeat in headers.")),
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

// pause is the time between two notifications that the suite asks for.
func pause(c *mcpecho.Call) error {
	select {
	case <-time.After(50 * time.Millisecond):
		return nil
	case <-c.Ctx().Done():
		return c.Ctx().Err()
	}
}

func withProgress(c *mcpecho.Call, _ none) (string, error) {
	for _, done := range []float64{0, 50, 100} {
		c.Progress(done, 100, "")
		if err := pause(c); err != nil {
			return "", err
		}
	}
	return "Done.", nil
}

func withLogging(c *mcpecho.Call, _ none) (string, error) {
	for _, text := range []string{"Tool execution started", "Tool processing data", "Tool execution completed"} {
		c.Log(mcpecho.LogInfo, text)
		if err := pause(c); err != nil {
			return "", err
		}
	}
	return "Done.", nil
}

func missingCapability(c *mcpecho.Call, _ none) (string, error) {
	var client struct {
		Sampling *none `json:"sampling"`
	}
	if err := json.Unmarshal(c.ClientCapabilities(), &client); err != nil || client.Sampling == nil {
		return "", mcpecho.MissingCapability(map[string]any{"sampling": none{}})
	}
	return "The client samples.", nil
}

type regionInput struct {
	Region string `json:"region" mcpheader:"Region" doc:"Where to."`
	Level  int    `json:"level" mcpheader:"Level" doc:"How high."`
}

func region(_ *mcpecho.Call, in regionInput) (regionInput, error) { return in, nil }

func echoArguments(_ *mcpecho.Call, in map[string]any) (map[string]any, error) { return in, nil }

// contactSchema uses the keywords that a schema generated from a Go type does not have; the suite
// wants to find every one of them in tools/list.
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
