package main

import (
	"fmt"
	"strings"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
)

type twoArguments struct {
	Arg1 string `json:"arg1" validate:"required" doc:"First argument."`
	Arg2 string `json:"arg2" validate:"required" doc:"Second argument."`
}

type embeddedArguments struct {
	ResourceURI string `json:"resourceUri" validate:"required" doc:"URI of the resource to embed."`
}

// prompts are the prompts of the suite.
func prompts() []*mcpecho.Spec {
	return []*mcpecho.Spec{
		mcpecho.Prompt("test_simple_prompt", func(*mcpecho.Call, none) (string, error) {
			return "This is a simple prompt for testing.", nil
		}, mcpecho.Describe("A prompt without arguments.")),
		mcpecho.Prompt("test_prompt_with_arguments", func(_ *mcpecho.Call, in twoArguments) (string, error) {
			return fmt.Sprintf("Prompt with arguments: arg1='%s', arg2='%s'", in.Arg1, in.Arg2), nil
		}, mcpecho.Describe("A prompt with arguments."), mcpecho.Complete("arg1", completeArg1)),
		mcpecho.Prompt("test_prompt_with_embedded_resource", func(_ *mcpecho.Call, in embeddedArguments) ([]mcpecho.Message, error) {
			return []mcpecho.Message{
				{Content: embedded(in.ResourceURI, "text/plain", "Embedded resource content for testing.")},
				{Content: content.Text{Text: "Please process the embedded resource above."}},
			}, nil
		}, mcpecho.Describe("A prompt with the contents of a resource.")),
		mcpecho.Prompt("test_prompt_with_image", func(*mcpecho.Call, none) ([]mcpecho.Message, error) {
			return []mcpecho.Message{
				{Content: picture()},
				{Content: content.Text{Text: "Please analyze the image above."}},
			}, nil
		}, mcpecho.Describe("A prompt with an image.")),
	}
}

func completeArg1(_ *mcpecho.Call, value string, _ map[string]string) ([]string, error) {
	found := []string{}
	for _, s := range []string{"testValue1", "testValue2", "other"} {
		if strings.HasPrefix(s, value) {
			found = append(found, s)
		}
	}
	return found, nil
}
