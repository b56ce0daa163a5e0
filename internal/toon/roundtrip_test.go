package toon

import (
	"bytes"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestRandomValuesDecodeBackEqual(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 0))
	for range 5000 {
		checkRoundTrip(t, appendRandom(nil, r, 5))
	}
}

func FuzzAppendDecodesBackEqual(f *testing.F) {
	for _, s := range sections {
		for _, c := range s.cases {
			f.Add([]byte(c.json))
		}
	}
	f.Fuzz(checkRoundTrip)
}

// checkRoundTrip compares Append and Uniform with the decoder of this package and a plain reading
// of the JSON.
func checkRoundTrip(t *testing.T, src []byte) {
	want, readErr := read(src)
	got, err := Append([]byte("before"), src)
	if err != nil {
		if readErr == nil && err != errDeep {
			t.Fatalf("%s: %v", src, err)
		}
		if string(got) != "before" || Uniform(src) {
			t.Fatalf("%s: failed, but returned %q and said Uniform=%v", src, got, Uniform(src))
		}
		return
	}
	if readErr != nil {
		t.Fatalf("%s: taken, although %v", src, readErr)
	}
	doc, ok := bytes.CutPrefix(got, []byte("before"))
	if !ok {
		t.Fatalf("%s: overwrote what was there: %q", src, got)
	}
	back, err := decode(string(doc))
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	if !reflect.DeepEqual(back, want) {
		t.Fatalf("%s: decodes to\n%#v, want\n%#v from\n%s", src, back, want, doc)
	}
	if page, ok := want.(map[string]any); ok {
		want = page["items"]
	}
	if Uniform(src) != isTable(want) {
		t.Fatalf("%s: Uniform is %v", src, Uniform(src))
	}
}

func isTable(v any) bool {
	rows, _ := v.([]any)
	for _, row := range rows {
		first, _ := rows[0].(map[string]any)
		row, _ := row.(map[string]any)
		if len(row) == 0 || len(row) != len(first) {
			return false
		}
		for name, cell := range row {
			_, isObject := cell.(map[string]any)
			_, isArray := cell.([]any)
			if _, ok := first[name]; !ok || isObject || isArray {
				return false
			}
		}
	}
	return len(rows) > 0
}

// read returns the one JSON value in src in the terms of decode.
func read(src []byte) (any, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(src))
	v, err := readValue(dec)
	if err != nil {
		return nil, err
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return nil, io.ErrUnexpectedEOF
	}
	return v, nil
}

func readValue(dec *jsontext.Decoder) (any, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return tok.Bool(), nil
	case '"':
		return tok.String(), nil
	case '0':
		return newNumber(tok.String()), nil
	case '[':
		list := []any{}
		for dec.PeekKind() != ']' {
			v, err := readValue(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.ReadToken()
		return list, err
	}
	object := map[string]any{}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String() // the token is gone after the next read
		if object[key], err = readValue(dec); err != nil {
			return nil, err
		}
	}
	_, err = dec.ReadToken()
	return object, err
}

var (
	randomNames   = []string{"a", "b", "items", "x.y", "my key", "q\"", "é", "", "-", "#c", "n\n"}
	randomStrings = []string{"", "plain", "two words", " lead", "trail ", "a,b", "a:b", "-", "- x", "#", "#x", "x#", "true", "null", "True",
		"42", "+1", "05", "1e5", "1.", ".5", "1e", "[]", "[2]: a", "{}", "\"", "\\", "\n", "\t", "\r", "\x00", "\x1f", "\x7f", "é", "👋", "\u00a0", "\u2028"}
	randomNumbers = []string{"0", "-0", "-0.0", "1", "-7.50", "1e3", "1E-6", "1e-7", "1e20", "1e21", "12.5e-3", "0e99999999999",
		"1e99999999999", "123456789012345678901234567890", "0.1000", "100e-2", "9007199254740993"}
)

// appendRandom appends a JSON value. Objects of one array often share a shape, so that tables are
// as frequent as lists.
func appendRandom(dst []byte, r *rand.Rand, depth int) []byte {
	if depth == 0 || r.IntN(5) == 0 {
		return appendRandomPrimitive(dst, r)
	}
	n := r.IntN(4)
	anything := func(dst []byte, _ int) []byte { return appendRandom(dst, r, depth-1) }
	switch r.IntN(4) {
	case 0:
		return appendRandomList(dst, n, anything)
	case 1:
		return appendRandomObject(dst, r.Perm(len(randomNames))[:n], anything)
	}
	columns, group := r.Perm(len(randomNames))[:r.IntN(4)], r.IntN(2*len(randomNames))
	cell := func(dst []byte, name int) []byte {
		switch {
		case r.IntN(60) == 0:
			return appendRandom(dst, r, depth-1)
		case name == group:
			return appendRandomObject(dst, []int{0, 4}, func(dst []byte, _ int) []byte { return appendRandomPrimitive(dst, r) })
		}
		return appendRandomPrimitive(dst, r)
	}
	row := func(dst []byte, _ int) []byte {
		r.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
		return appendRandomObject(dst, columns, cell)
	}
	if r.IntN(2) == 0 {
		return appendRandomObject(dst, r.Perm(len(randomNames))[:n], row)
	}
	return appendRandomList(dst, n, row)
}

func appendRandomPrimitive(dst []byte, r *rand.Rand) []byte {
	switch r.IntN(4) {
	case 0:
		return append(dst, []string{"null", "true", "false"}[r.IntN(3)]...)
	case 1:
		return append(dst, randomNumbers[r.IntN(len(randomNumbers))]...)
	}
	dst, _ = jsontext.AppendQuote(dst, randomStrings[r.IntN(len(randomStrings))])
	return dst
}

func appendRandomList(dst []byte, n int, elem func(dst []byte, i int) []byte) []byte {
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = elem(dst, i)
	}
	return append(dst, ']')
}

func appendRandomObject(dst []byte, names []int, member func(dst []byte, name int) []byte) []byte {
	dst = append(dst, '{')
	for i, n := range slices.Clone(names) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, _ = jsontext.AppendQuote(dst, randomNames[n])
		dst = member(append(dst, ':'), n)
	}
	return append(dst, '}')
}

func BenchmarkAppendTable(b *testing.B) {
	var rows []string
	for i := range 100 {
		rows = append(rows, `{"id":`+strconv.Itoa(i)+`,"customer":"Customer `+strconv.Itoa(i)+`","total":1234.5,"paid":true}`)
	}
	src := []byte(`{"items":[` + strings.Join(rows, ",") + `],"page":1}`)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		var err error
		if buf, err = Append(buf[:0], src); err != nil {
			b.Fatal(err)
		}
	}
}
