package content

import "github.com/mcpecho/kit/binding"

// Contents are the contents of one resource: text, or binary data.
// (specification 2026-07-28, server/resources, section Resource Contents)
type Contents struct {
	// URI identifies the contents. Default when read: the URI that was asked for. Required in an
	// Embedded.
	URI string
	// MIMEType, optional. Default when read: that of the resource.
	MIMEType string
	// Text is the text, unless Blob is set.
	Text string
	// Blob, if not nil, is binary data and goes out as base64.
	Blob []byte
}

// contentsForm is Contents as JSON.
type contentsForm struct {
	URI      string  `json:"uri"`
	MIMEType string  `json:"mimeType,omitzero"`
	Text     *string `json:"text,omitzero"`
	Blob     *[]byte `json:"blob,omitzero"`
}

func (c Contents) form() contentsForm {
	f := contentsForm{URI: c.URI, MIMEType: c.MIMEType}
	if c.Blob != nil {
		f.Blob = &c.Blob
	} else {
		f.Text = &c.Text
	}
	return f
}

// MarshalContents writes the array of contents with which a resource is answered. uri and mimeType
// are for those that say none. It returns an error for a text that is not UTF-8. It is for servers.
func MarshalContents(list []Contents, uri, mimeType string) ([]byte, error) {
	forms := make([]contentsForm, len(list))
	for i, c := range list {
		if c.URI == "" {
			c.URI = uri
		}
		if c.MIMEType == "" {
			c.MIMEType = mimeType
		}
		forms[i] = c.form()
	}
	return binding.Marshal(forms)
}
