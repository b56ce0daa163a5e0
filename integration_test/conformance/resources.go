package main

import (
	"github.com/mcpecho/kit/mcpecho"
)

type byID struct {
	ID string `json:"id" validate:"required" doc:"Any id."`
}

type templateData struct {
	ID           string `json:"id"`
	TemplateTest bool   `json:"templateTest"`
	Data         string `json:"data"`
}

// resources are the resources of the suite.
func resources() []*mcpecho.Spec {
	text := func(s string) func(*mcpecho.Call, none) (string, error) {
		return func(*mcpecho.Call, none) (string, error) { return s, nil }
	}
	return []*mcpecho.Spec{
		mcpecho.Resource("test://static-text", text("This is the content of the static text resource."),
			mcpecho.Describe("A text that never changes.")),
		mcpecho.Resource("test://static-binary", func(*mcpecho.Call, none) ([]byte, error) { return pixel(), nil },
			mcpecho.Describe("An image that never changes."), mcpecho.MIMEType("image/png")),
		mcpecho.Resource("test://watched-resource", text("This is the content of the watched resource."),
			mcpecho.Describe("A text to subscribe to.")),
		mcpecho.Resource("test://template/{id}/data", func(_ *mcpecho.Call, in byID) (templateData, error) {
			return templateData{in.ID, true, "Data for ID: " + in.ID}, nil
		}, mcpecho.Describe("Data of any id.")),
	}
}
