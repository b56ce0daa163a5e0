package content

import (
	"errors"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strings"
)

// Block is one block of a tool's answer or of a prompt's message: [Text], [Image], [Audio], [Link]
// or [Embedded]. A service whose result type is a Block, or a slice of them, answers with blocks
// instead of structured content, and its tool advertises no output schema.
// (specification 2026-07-28, server/tools, section Tool Result)
type Block interface {
	// form checks the block and gives its form in the protocol.
	form() (form, error)
}

// Text is a text block.
type Text struct {
	Text  string
	Hints *Hints // optional
}

// Image is a picture. Data is required. MIMEType is required and begins with "image/".
type Image struct {
	Data     []byte
	MIMEType string
	Hints    *Hints // optional
}

// Audio is a sound. Data is required. MIMEType is required and begins with "audio/".
type Audio struct {
	Data     []byte
	MIMEType string
	Hints    *Hints // optional
}

// Link points to a resource that the client may read. URI and Name are required; the URI must be
// absolute, and the schemes javascript, data, vbscript, blob and file are refused.
type Link struct {
	URI, Name                    string
	Title, Description, MIMEType string // optional
	Hints                        *Hints // optional
}

// Embedded carries the contents of a resource within the answer. The URI must be absolute; the
// schemes javascript, data, vbscript and blob are refused.
type Embedded struct {
	Resource Contents
	Hints    *Hints // optional
}

func (t Text) form() (form, error) {
	return form{Type: "text", Text: &t.Text, Annotations: t.Hints}, t.Hints.Check()
}

func (i Image) form() (form, error) { return mediaForm("image", i.MIMEType, i.Data, i.Hints) }

func (a Audio) form() (form, error) { return mediaForm("audio", a.MIMEType, a.Data, a.Hints) }

func mediaForm(kind, mimeType string, data []byte, hints *Hints) (form, error) {
	media, _, err := mime.ParseMediaType(mimeType)
	if err != nil || !strings.HasPrefix(media, kind+"/") {
		return form{}, fmt.Errorf("content: %s content needs a MIMEType that begins with %s/", kind, kind)
	}
	if len(data) == 0 {
		return form{}, fmt.Errorf("content: %s content has no data", kind)
	}
	return form{Type: kind, Data: data, MIMEType: mimeType, Annotations: hints}, hints.Check()
}

func (l Link) form() (form, error) {
	if l.Name == "" {
		return form{}, errors.New("content: a Link needs a Name")
	}
	if err := checkURI("Link", l.URI, unsafeSchemes); err != nil {
		return form{}, err
	}
	return form{
		Type: "resource_link", URI: l.URI, Name: l.Name, Title: l.Title,
		Description: l.Description, MIMEType: l.MIMEType, Annotations: l.Hints,
	}, l.Hints.Check()
}

func (e Embedded) form() (form, error) {
	// A file may be embedded: nothing follows its URI.
	if err := checkURI("Embedded", e.Resource.URI, codeSchemes); err != nil {
		return form{}, err
	}
	contents := e.Resource.form()
	return form{Type: "resource", Resource: &contents, Annotations: e.Hints}, e.Hints.Check()
}

// Schemes that run code, or reach into the client's machine, when followed.
var (
	codeSchemes   = []string{"javascript", "data", "vbscript", "blob"}
	unsafeSchemes = slices.Concat(codeSchemes, []string{"file"})
)

func checkURI(what, uri string, refused []string) error {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" {
		return fmt.Errorf("content: %s: the URI must be absolute, as invoices://7", what)
	}
	if slices.Contains(refused, u.Scheme) { // which Parse has put into lower case
		return fmt.Errorf("content: %s: the scheme %s is refused", what, u.Scheme)
	}
	return nil
}
