package binding

import (
	"bytes"
	"sync"

	"github.com/go-json-experiment/json"
)

// encodeOptions are the options of the one encoder of results. The json package already writes nil slices as [] and nil
// maps as {}.
var encodeOptions = json.JoinOptions(json.Deterministic(true), json.ExperimentalSupportFormatTag(true))

// Marshal encodes v as JSON: map keys sorted, nil slices as [], nil maps as {}. OutputSchema describes what it writes.
// It returns the error of the json package for a value that JSON cannot hold (NaN, a time.Duration without a format).
func Marshal(v any) ([]byte, error) { return json.Marshal(v, encodeOptions) }

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// AppendMarshal appends the encoding of v, as Marshal writes it, to dst. On an error it returns dst unchanged.
func AppendMarshal(dst []byte, v any) ([]byte, error) {
	b := buffers.Get().(*bytes.Buffer)
	*b = *bytes.NewBuffer(dst)
	err := json.MarshalWrite(b, v, encodeOptions)
	out := b.Bytes()
	*b = bytes.Buffer{} // the memory belongs to the caller
	buffers.Put(b)
	if err != nil {
		return dst, err
	}
	return out, nil
}
