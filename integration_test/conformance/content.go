package main

import (
	"bytes"
	"image"
	"image/png"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
)

// contentTools answer with content blocks of each kind.
func contentTools() []*mcpecho.Spec {
	return []*mcpecho.Spec{
		mcpecho.Service("test_image_content", func(*mcpecho.Call, none) (content.Image, error) { return picture(), nil },
			mcpecho.Describe("Returns an image.")),
		mcpecho.Service("test_audio_content", func(*mcpecho.Call, none) (content.Audio, error) {
			return content.Audio{Data: silence, MIMEType: "audio/wav"}, nil
		}, mcpecho.Describe("Returns a sound.")),
		mcpecho.Service("test_embedded_resource", func(*mcpecho.Call, none) (content.Embedded, error) {
			return embedded("test://embedded-resource", "text/plain", "This is an embedded resource content."), nil
		}, mcpecho.Describe("Returns the contents of a resource.")),
		mcpecho.Service("test_multiple_content_types", func(*mcpecho.Call, none) ([]content.Block, error) {
			return []content.Block{
				content.Text{Text: "Multiple content types test:"},
				picture(),
				embedded("test://mixed-content-resource", "application/json", `{"test":"data","value":123}`),
			}, nil
		}, mcpecho.Describe("Returns a text, an image and the contents of a resource.")),
	}
}

func embedded(uri, mimeType, text string) content.Embedded {
	return content.Embedded{Resource: content.Contents{URI: uri, MIMEType: mimeType, Text: text}}
}

func picture() content.Image {
	return content.Image{Data: pixel(), MIMEType: "image/png"}
}

// pixel is a PNG of one pixel.
func pixel() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// silence is a WAV file of one sample: 8 bits, mono, 8 kHz.
var silence = []byte("RIFF\x26\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\x01\x00\x00\x00\x80\x00")
