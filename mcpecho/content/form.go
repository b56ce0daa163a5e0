package content

// Form is a block as a reply has it: checked, and ready to be encoded as JSON. It is for servers,
// which make it with [FormOf].
type Form struct{ form }

// form is every kind of block as JSON. It is embedded in Form, so that its members are written and
// applications do not see them.
type form struct {
	Type        string        `json:"type"`
	Text        *string       `json:"text,omitzero"`
	Data        []byte        `json:"data,omitzero"`
	URI         string        `json:"uri,omitzero"`
	Name        string        `json:"name,omitzero"`
	Title       string        `json:"title,omitzero"`
	Description string        `json:"description,omitzero"`
	MIMEType    string        `json:"mimeType,omitzero"`
	Resource    *contentsForm `json:"resource,omitzero"`
	Annotations *Hints        `json:"annotations,omitzero"`
}

// FormOf checks b, which must not be nil, and gives its form. It returns an error that names the
// kind and the field that is wrong. links says whether the client knows links to resources, which
// are younger than protocol 2025-03-26; without it a [Link] becomes a text that says the same.
func FormOf(b Block, links bool) (Form, error) {
	f, err := b.form()
	if err == nil && !links && f.Type == "resource_link" {
		f = f.asText()
	}
	return Form{f}, err
}

// asText is the text in the place of a link.
func (f form) asText() form {
	title := f.Title
	if title == "" {
		title = f.Name
	}
	text := title + ": " + f.URI
	if f.Description != "" {
		text += "\n" + f.Description
	}
	return form{Type: "text", Text: &text, Annotations: f.Annotations}
}
