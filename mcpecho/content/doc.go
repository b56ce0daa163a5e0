// Package content has what a tool can answer with, or a prompt can say, beside structured data:
// text, pictures, sounds, links to resources and resources themselves.
//
// A tool whose function returns one of these types answers with it:
//
//	func chart(c *mcpecho.Call, in ChartInput) (content.Image, error) {
//		png, err := draw(in)
//		return content.Image{Data: png, MIMEType: "image/png"}, err
//	}
//
// A tool whose function returns a []Block answers with several, of different kinds:
//
//	return []content.Block{
//		content.Text{Text: "Amounts by month."},
//		content.Image{Data: png, MIMEType: "image/png"},
//		content.Link{URI: "invoices://stats", Name: "stats"},
//	}, nil
//
// Such a tool has no structured content and no output schema. A prompt puts a [Block] into each
// mcpecho.Message. A resource is no block: its function returns [Contents], or a slice of them,
// where a string, a []byte or a struct does not say enough.
//
// # Checks
//
// Content is checked when it is sent: a picture without data or with the MIME type of a page, a
// link that runs code, a priority above 1. What does not pass fails the call with an internal
// error, whose cause is in the log; nothing of the content is sent.
//
// # Hints
//
// Each block may have [Hints]: who it is for, how much it matters and when it last changed. Those
// of a resource are set with mcpecho.Hint.
//
// # Older clients
//
// Protocol 2025-03-26 has no links. Its clients get a text with the title, the URI and the
// description in the place of a [Link].
package content
