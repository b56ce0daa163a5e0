package mcpecho

import (
	"errors"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mcpecho/kit/binding"
)

// Content is one block of a tool's answer or of a prompt's message: [TextContent], [ImageContent],
// [AudioContent], [ResourceLink] or [EmbeddedResource]. A service whose result type is a Content,
// or a slice of them, answers with blocks instead of structured content, and its tool advertises no
// output schema. (specification 2026-07-28, server/tools, section Tool Result)
type Content interface {
	// block checks the content and gives its form on the wire.
	block() (contentBlock, error)
}

// Hints are the optional annotations of a content block or resource.
// (specification 2026-07-28, server/resources, section Annotations)
type Hints struct {
	// Audience is who the content is for: "user", "assistant" or both.
	Audience []string `json:"audience,omitempty"`
	// Priority is from 0 (entirely optional) to 1 (effectively required); nil
	// says nothing.
	Priority *float64 `json:"priority,omitzero"`
	// LastModified is when the content last changed.
	LastModified time.Time `json:"lastModified,omitzero"`
}

func (h *Hints) check() error {
	if h == nil {
		return nil
	}
	for _, a := range h.Audience {
		if a != "user" && a != "assistant" {
			return fmt.Errorf("mcpecho: audience %q must be user or assistant", a)
		}
	}
	if p := h.Priority; p != nil && !(*p >= 0 && *p <= 1) {
		return fmt.Errorf("mcpecho: priority %v must be from 0 to 1", *p)
	}
	return nil
}

// TextContent is a text block.
type TextContent struct {
	Text  string
	Hints *Hints
}

// ImageContent is a picture. MIMEType is required and begins with "image/".
type ImageContent struct {
	Data     []byte
	MIMEType string
	Hints    *Hints
}

// AudioContent is a sound. MIMEType is required and begins with "audio/".
type AudioContent struct {
	Data     []byte
	MIMEType string
	Hints    *Hints
}

// ResourceLink points to a resource that the client may read. URI and Name are
// required; the schemes javascript, data, vbscript, blob and file are refused.
type ResourceLink struct {
	URI, Name                    string
	Title, Description, MIMEType string // optional
	Hints                        *Hints
}

// EmbeddedResource carries the contents of a resource within the answer. The
// URI must be absolute; the schemes javascript, data, vbscript and blob are
// refused.
type EmbeddedResource struct {
	Resource Contents
	Hints    *Hints
}

// Contents are the contents of one resource: text, or binary data.
// (specification 2026-07-28, server/resources, section Resource Contents)
type Contents struct {
	// URI identifies the contents. Default when read: the URI that was asked for.
	URI string
	// MIMEType, optional. Default when read: that of the resource.
	MIMEType string
	// Text is the text, unless Blob is set.
	Text string
	// Blob, if not nil, is binary data and goes out as base64.
	Blob []byte
}

// contentBlock is every kind of content block as JSON.
type contentBlock struct {
	Type        string         `json:"type"`
	Text        *string        `json:"text,omitzero"`
	Data        []byte         `json:"data,omitzero"`
	URI         string         `json:"uri,omitzero"`
	Name        string         `json:"name,omitzero"`
	Title       string         `json:"title,omitzero"`
	Description string         `json:"description,omitzero"`
	MIMEType    string         `json:"mimeType,omitzero"`
	Resource    *contentsBlock `json:"resource,omitzero"`
	Annotations *Hints         `json:"annotations,omitzero"`
}

type contentsBlock struct {
	URI      string  `json:"uri"`
	MIMEType string  `json:"mimeType,omitzero"`
	Text     *string `json:"text,omitzero"`
	Blob     *[]byte `json:"blob,omitzero"`
}

func (t TextContent) block() (contentBlock, error) {
	return contentBlock{Type: "text", Text: &t.Text, Annotations: t.Hints}, t.Hints.check()
}

func (i ImageContent) block() (contentBlock, error) {
	return mediaBlock("image", i.MIMEType, i.Data, i.Hints)
}

func (a AudioContent) block() (contentBlock, error) {
	return mediaBlock("audio", a.MIMEType, a.Data, a.Hints)
}

func mediaBlock(kind, mimeType string, data []byte, hints *Hints) (contentBlock, error) {
	media, _, err := mime.ParseMediaType(mimeType)
	if err != nil || !strings.HasPrefix(media, kind+"/") {
		return contentBlock{}, fmt.Errorf("mcpecho: %s content needs a MIMEType that begins with %s/", kind, kind)
	}
	if len(data) == 0 {
		return contentBlock{}, fmt.Errorf("mcpecho: %s content has no data", kind)
	}
	return contentBlock{Type: kind, Data: data, MIMEType: mimeType, Annotations: hints}, hints.check()
}

// Schemes that run code, or reach into the client's machine, when followed.
var (
	codeSchemes   = []string{"javascript", "data", "vbscript", "blob"}
	unsafeSchemes = slices.Concat(codeSchemes, []string{"file"})
)

func checkURI(what, uri string, refused []string) error {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" {
		return fmt.Errorf("mcpecho: %s: the URI must be absolute, as invoices://7", what)
	}
	if slices.Contains(refused, u.Scheme) { // which Parse has put into lower case
		return fmt.Errorf("mcpecho: %s: the scheme %s is refused", what, u.Scheme)
	}
	return nil
}

func (l ResourceLink) block() (contentBlock, error) {
	if l.Name == "" {
		return contentBlock{}, errors.New("mcpecho: a ResourceLink needs a Name")
	}
	if err := checkURI("ResourceLink", l.URI, unsafeSchemes); err != nil {
		return contentBlock{}, err
	}
	return contentBlock{
		Type: "resource_link", URI: l.URI, Name: l.Name, Title: l.Title,
		Description: l.Description, MIMEType: l.MIMEType, Annotations: l.Hints,
	}, l.Hints.check()
}

func (e EmbeddedResource) block() (contentBlock, error) {
	if err := checkURI("EmbeddedResource", e.Resource.URI, codeSchemes); err != nil {
		return contentBlock{}, err // a file may be embedded: nothing follows its URI
	}
	contents := e.Resource.wire()
	return contentBlock{Type: "resource", Resource: &contents, Annotations: e.Hints}, e.Hints.check()
}

func (c Contents) wire() contentsBlock {
	w := contentsBlock{URI: c.URI, MIMEType: c.MIMEType}
	if c.Blob != nil {
		w.Blob = &c.Blob
	} else {
		w.Text = &c.Text
	}
	return w
}

// links says whether the client knows links to resources, which are younger than the oldest
// revision that is served. (specification 2025-06-18, changelog)
func (x *exchange) links() bool {
	return x.wire == modern || x.session.Protocol != "2025-03-26"
}

// known is the block as a client sees it that may not know links: a text that says the same.
func (b contentBlock) known(links bool) contentBlock {
	if links || b.Type != "resource_link" {
		return b
	}
	title := b.Title
	if title == "" {
		title = b.Name
	}
	text := title + ": " + b.URI
	if b.Description != "" {
		text += "\n" + b.Description
	}
	return contentBlock{Type: "text", Text: &text, Annotations: b.Annotations}
}

// encodeBlocks writes the content array of a tool result.
func encodeBlocks(contents []Content, links bool) ([]byte, error) {
	blocks := make([]contentBlock, len(contents))
	for i, c := range contents {
		if c == nil {
			return nil, fmt.Errorf("mcpecho: content %d is nil", i)
		}
		b, err := c.block()
		if err != nil {
			return nil, err
		}
		blocks[i] = b.known(links)
	}
	return binding.Marshal(blocks)
}
