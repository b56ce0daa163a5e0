package jsonrpc

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestReplies(t *testing.T) {
	id, dst := []byte(`"a"`), []byte("> ")
	for _, test := range []struct{ name, got, want string }{
		{"a result in parts", string(AppendResult(dst, id, []byte(`{"a":`), []byte(`1}`))), `> {"jsonrpc":"2.0","id":"a","result":{"a":1}}`},
		{"a large integer id", string(AppendResult(nil, []byte("12345678901234567890"), []byte(`{}`))), `{"jsonrpc":"2.0","id":12345678901234567890,"result":{}}`},
		{"an error", string(AppendError(nil, id, MethodNotFound, `no "x"`, nil)), `{"jsonrpc":"2.0","id":"a","error":{"code":-32601,"message":"no \"x\""}}`},
		{"an error with data", string(AppendError(nil, id, 403, "no", []byte(`{"b":2}`))), `{"jsonrpc":"2.0","id":"a","error":{"code":403,"message":"no","data":{"b":2}}}`},
		{"an error without an id", string(AppendError(nil, nil, ParseError, "bad", nil)), `{"jsonrpc":"2.0","error":{"code":-32700,"message":"bad"}}`},
		{"a notification", string(AppendNotification(nil, "notifications/x", nil)), `{"jsonrpc":"2.0","method":"notifications/x"}`},
		{"a notification with params", string(AppendNotification(dst, "notifications/x", []byte(`{"a":1}`))), `> {"jsonrpc":"2.0","method":"notifications/x","params":{"a":1}}`},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, test.got, test.want)
		}
	}
}

func TestRepliesAreReadBackByParse(t *testing.T) {
	var m Message
	for _, body := range [][]byte{
		AppendResult(nil, []byte("1"), []byte(`{}`)), AppendError(nil, []byte("1"), 1, "\xff\x00", nil), AppendError(nil, nil, 1, "", nil), AppendNotification(nil, "\u2028\"", []byte(`{}`)),
	} {
		if err := Parse(body, &m); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestAppendStringIsAlwaysJSON(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", `""`}, {"a\"\\\n\x00", `"a\"\\\n\u0000"`}, {"<é😀>", `"<é😀>"`}, {"a\xffb", "\"a\ufffdb\""}, {"\xed\xa0\x80", "\"\ufffd\ufffd\ufffd\""},
	} {
		got := AppendString([]byte(nil), test.in)
		if string(got) != test.want || !jsontext.Value(got).IsValid() {
			t.Errorf("%q: got %s, want %s", test.in, got, test.want)
		}
		if other := AppendString(nil, []byte(test.in)); string(other) != string(got) {
			t.Errorf("%q: %s as bytes, %s as a string", test.in, other, got)
		}
	}
}
