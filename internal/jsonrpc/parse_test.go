package jsonrpc

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseRefuses(t *testing.T) {
	call := func(params string) string {
		return `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":` + params + `}`
	}
	many := func(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }
	wide := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"m%d":1,`, i)
		}
		return b.String()
	}
	for _, test := range []struct {
		name, body string
		code       int
		id         string // echoed
		message    string // part of
	}{
		// Attacks that made other servers run a message other than the one a strict reader sees.
		{"a name in two cases", call(`{"name":"safe","Name":"danger"}`), InvalidRequest, "7", "params.name"},
		{"a method in two cases", `{"jsonrpc":"2.0","id":7,"method":"ping","METHOD":"tools/call"}`, InvalidRequest, "7", "method"},
		{"params with a long s", `{"jsonrpc":"2.0","id":7,"method":"ping","paramſ":{}}`, InvalidRequest, "7", "params"},
		{"params with an escaped long s", `{"jsonrpc":"2.0","id":7,"method":"ping","param\u017f":{}}`, InvalidRequest, "7", "params"},
		{"taskId with a Kelvin sign", call(`{"tas\u212aId":"x"}`), InvalidRequest, "7", "params.taskId"},
		{"id in upper case", `{"jsonrpc":"2.0","ID":7,"method":"ping"}`, InvalidRequest, "", "id"},
		{"arguments in upper case", call(`{"name":"safe","ARGUMENTS":{}}`), InvalidRequest, "7", "params.arguments"},
		{"protocolVersion in lower case", call(`{"protocolversion":"2025-06-18"}`), InvalidRequest, "7", "params.protocolVersion"},
		{"a _meta member in another case", call(`{"_meta":{"io.modelcontextprotocol/protocolversion":"x"}}`), InvalidRequest, "7", "params._meta.io.modelcontextprotocol/protocolVersion"},
		{"progressToken in another case", call(`{"_meta":{"ProgressToken":1}}`), InvalidRequest, "7", "params._meta.progressToken"},
		{"a repeated name", call(`{"name":"safe","name":"danger"}`), ParseError, "7", "occurs twice"},
		{"a name repeated with an escape", call(`{"name":"safe","n\u0061me":"danger"}`), ParseError, "7", "occurs twice"},
		{"a repeated method", `{"jsonrpc":"2.0","id":7,"method":"ping","method":"tools/call"}`, ParseError, "7", "occurs twice"},
		{"a repeated id", `{"jsonrpc":"2.0","id":7,"id":8,"method":"ping"}`, ParseError, "", "occurs twice"},
		{"a repeated argument", call(`{"arguments":{"a":1,"a":2}}`), ParseError, "7", "occurs twice"},
		{"a repeated name deep inside", call(`{"arguments":{"a":[[{"b":{"c":1,"c":2}}]]}}`), ParseError, "7", "occurs twice"},
		{"a repeated name among many", call(`{"arguments":{` + wide(50) + `"m17":1}}`), ParseError, "7", "occurs twice"},
		{"a NUL in a name", call(`{"name\u0000":"danger","name":"safe"}`), ParseError, "7", "NUL"},
		{"a second value", `{"jsonrpc":"2.0","id":7,"method":"ping"}{"x":1}`, ParseError, "7", "more than one"},
		{"a trailing byte", `{"jsonrpc":"2.0","id":7,"method":"ping"}x`, ParseError, "7", "more than one"},
		{"a trailing NUL", `{"jsonrpc":"2.0","id":7,"method":"ping"}` + "\x00", ParseError, "7", "more than one"},
		{"9000 nested arrays", call(`{"arguments":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`), InvalidRequest, "7", "64 levels"},
		{"65 levels", call(`{"arguments":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`), InvalidRequest, "7", "64 levels"},
		{"over 10000 values", call(`{"arguments":` + many(10_000) + `}`), InvalidRequest, "7", "10000 values"},

		// Not JSON.
		{"nothing", "", ParseError, "", "not strict JSON"},
		{"white space", " \n", ParseError, "", "not strict JSON"},
		{"a byte order mark", "\ufeff" + `{"jsonrpc":"2.0","id":7,"method":"ping"}`, ParseError, "", "byte order mark"},
		{"invalid UTF-8", call("{\"name\":\"\xff\"}"), ParseError, "", "UTF-8"},
		{"an overlong encoding", call("{\"name\":\"\xc0\xaf\"}"), ParseError, "", "UTF-8"},
		{"a raw surrogate", call("{\"name\":\"\xed\xa0\x80\"}"), ParseError, "", "UTF-8"},
		{"a lone high surrogate", call(`{"name":"\ud800"}`), ParseError, "7", "surrogate"},
		{"a lone low surrogate", call(`{"name":"\udc00"}`), ParseError, "7", "surrogate"},
		{"a high surrogate before a letter", call(`{"name":"\ud800\u0061"}`), ParseError, "7", "surrogate"},
		{"a lone surrogate in a name", call(`{"\ud800":1}`), ParseError, "7", "surrogate"},
		{"a raw control character", call("{\"name\":\"\n\"}"), ParseError, "7", "control"},
		{"an unknown escape", call(`{"name":"\x41"}`), ParseError, "7", "escape"},
		{"a short escape", call(`{"name":"\u12"}`), ParseError, "7", "escape"},
		{"a string without an end", `{"jsonrpc":"2.0`, ParseError, "", "does not end"},
		{"an object without an end", `{"jsonrpc":"2.0","id":7,"method":"ping"`, ParseError, "7", "missing"},
		{"an id that may go on", `{"jsonrpc":"2.0","id":7`, ParseError, "", "missing"},
		{"an id with a leading zero", `{"jsonrpc":"2.0","id":01,"method":"ping"}`, ParseError, "", "missing"},
		{"an integer id of 300 digits", `{"jsonrpc":"2.0","id":` + strings.Repeat("7", 300) + `,"method":"ping"}`, InvalidRequest, "", "256 bytes"},
		{"a trailing comma", `{"jsonrpc":"2.0","id":7,}`, ParseError, "7", "missing"},
		{"a comma too many", call(`{"arguments":[1,]}`), ParseError, "7", "missing"},
		{"a missing colon", `{"jsonrpc" "2.0"}`, ParseError, "", "':' is missing"},
		{"a name that is no string", `{1:2}`, ParseError, "", "name is missing"},
		{"a leading zero", call(`{"arguments":01}`), ParseError, "7", "missing"},
		{"a leading plus", call(`{"arguments":+1}`), ParseError, "7", "value is missing"},
		{"a lone minus", call(`{"arguments":-}`), ParseError, "7", "number"},
		{"a number that ends in a point", call(`{"arguments":1.}`), ParseError, "7", "number"},
		{"a number without its exponent", call(`{"arguments":1e}`), ParseError, "7", "number"},
		{"NaN", call(`{"arguments":NaN}`), ParseError, "7", "value is missing"},
		{"a word in capitals", call(`{"arguments":True}`), ParseError, "7", "value is missing"},
		{"a misspelt word", call(`{"arguments":nul}`), ParseError, "7", "misspelt"},
		{"single quotes", `{'jsonrpc':'2.0'}`, ParseError, "", "name is missing"},
		{"a comment", `{/**/"jsonrpc":"2.0"}`, ParseError, "", "name is missing"},
		{"form feed as white space", "\f{}", ParseError, "", "value is missing"},

		// JSON, but not one message.
		{"a batch", `[{"jsonrpc":"2.0","id":7,"method":"ping"}]`, InvalidRequest, "", "one message per request"},
		{"an empty batch", ` []`, InvalidRequest, "", "batches"},
		{"a broken batch", `[1,`, ParseError, "", "missing"},
		{"a string", `"ping"`, InvalidRequest, "", "must be a JSON object"},
		{"null", `null`, InvalidRequest, "", "must be a JSON object"},
		{"an empty object", `{}`, InvalidRequest, "", "jsonrpc"},
		{"no version", `{"id":7,"method":"ping"}`, InvalidRequest, "7", "jsonrpc"},
		{"version 1.0", `{"jsonrpc":"1.0","id":7,"method":"ping"}`, InvalidRequest, "7", "jsonrpc"},
		{"a numeric version", `{"jsonrpc":2.0,"id":7,"method":"ping"}`, InvalidRequest, "7", "jsonrpc"},
		{"a null id", `{"jsonrpc":"2.0","id":null,"method":"ping"}`, InvalidRequest, "", "id must be"},
		{"a boolean id", `{"jsonrpc":"2.0","id":true,"method":"ping"}`, InvalidRequest, "", "id must be"},
		{"an object as id", `{"jsonrpc":"2.0","id":{},"method":"ping"}`, InvalidRequest, "", "id must be"},
		{"an array as id", `{"jsonrpc":"2.0","id":[1],"method":"ping"}`, InvalidRequest, "", "id must be"},
		{"a fractional id", `{"jsonrpc":"2.0","id":1.5,"method":"ping"}`, InvalidRequest, "", "id must be"},
		{"an id of 1.0", `{"jsonrpc":"2.0","id":1.0,"method":"ping"}`, InvalidRequest, "", "id must be"},
		{"an id with an exponent", `{"jsonrpc":"2.0","id":1e3,"method":"ping"}`, InvalidRequest, "", "id must be"},
		{"an id of 257 bytes", `{"jsonrpc":"2.0","id":"` + strings.Repeat("x", 257) + `","method":"ping"}`, InvalidRequest, "", "256 bytes"},
		{"no method", `{"jsonrpc":"2.0","id":7}`, InvalidRequest, "7", "needs a method"},
		{"a numeric method", `{"jsonrpc":"2.0","method":7,"id":"a"}`, InvalidRequest, `"a"`, "method must be"},
		{"a null method", `{"jsonrpc":"2.0","method":null,"id":"a"}`, InvalidRequest, `"a"`, "method must be"},
		{"an array as params", call(`[]`), InvalidRequest, "7", "params must be"},
		{"a string as params", call(`"x"`), InvalidRequest, "7", "params must be"},
		{"a method and a result", `{"jsonrpc":"2.0","id":7,"method":"ping","result":{}}`, InvalidRequest, "7", "beside"},
		{"a method and an error", `{"jsonrpc":"2.0","id":7,"method":"ping","error":{}}`, InvalidRequest, "7", "beside"},
		{"a result and an error", `{"jsonrpc":"2.0","id":7,"result":{},"error":{}}`, InvalidRequest, "7", "beside"},
		{"a result without an id", `{"jsonrpc":"2.0","result":{}}`, InvalidRequest, "", "needs the id"},
		{"an id after the fault", `{"params":[],"method":1,"jsonrpc":"1.0","id":"late"}`, InvalidRequest, `"late"`, "jsonrpc"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := Message{ID: []byte("stale"), Method: "stale"}
			err := Parse([]byte(test.body), &m)
			if err == nil {
				t.Fatalf("accepted as %+v", m)
			}
			if err.Code != test.code || !strings.Contains(err.Message, test.message) {
				t.Errorf("got %d %q, want %d with %q", err.Code, err.Message, test.code, test.message)
			}
			if string(m.ID) != test.id {
				t.Errorf("id %q, want %q", m.ID, test.id)
			}
			if strings.Contains(err.Message, "danger") || strings.Contains(err.Message, "safe") {
				t.Errorf("the message echoes a value: %q", err.Message)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       Message
	}{
		{"a call", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","arguments":{"x":[1,{"y":null}]},"_meta":{"progressToken":1}}}`, Message{
			Kind: Request, ID: []byte("7"), Method: "tools/call", Params: []byte(`{"name":"a","arguments":{"x":[1,{"y":null}]},"_meta":{"progressToken":1}}`),
			Name: []byte(`"a"`), Arguments: []byte(`{"x":[1,{"y":null}]}`), Meta: []byte(`{"progressToken":1}`)}},
		{"null params", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":null}`, Message{Kind: Request, ID: []byte("7"), Method: "tools/call"}},
		{"a call with its members in any order and white space", "\r\n{ \"params\" :\t{ \"arguments\" : null , \"name\" : 5 } , \"method\" : \"tools/call\" , \"id\" : \"a\" , \"jsonrpc\" : \"2.0\" }\n", Message{
			Kind: Request, ID: []byte(`"a"`), Method: "tools/call", Params: []byte(`{ "arguments" : null , "name" : 5 }`), Name: []byte("5"), Arguments: []byte("null")}},
		{"a read", `{"jsonrpc":"2.0","id":0,"method":"resources/read","params":{"uri":"x://y","cursor":"c","taskId":"t"}}`, Message{
			Kind: Request, ID: []byte("0"), Method: "resources/read", Params: []byte(`{"uri":"x://y","cursor":"c","taskId":"t"}`),
			URI: []byte(`"x://y"`), Cursor: []byte(`"c"`)}},
		{"escaped names and values", `{"jsonrpc":"\u0032.0","\u0069d":-3,"method":"tools\/list","params":{"n\u0061me":"\ud83d\ude00"}}`, Message{
			Kind: Request, ID: []byte("-3"), Method: "tools/list", Params: []byte(`{"n\u0061me":"\ud83d\ude00"}`), Name: []byte(`"\ud83d\ude00"`)}},
		{"a notification", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, Message{Kind: Notification, Method: "notifications/initialized"}},
		{"an unknown method", `{"jsonrpc":"2.0","id":1,"method":"x/y"}`, Message{Kind: Request, ID: []byte("1"), Method: "x/y"}},
		{"a result", `{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}`, Message{Kind: Response, ID: []byte("1"), Result: []byte(`{"action":"accept"}`)}},
		{"an error without an id", `{"jsonrpc":"2.0","error":{"code":1}}`, Message{Kind: Response, Failure: []byte(`{"code":1}`)}},
		{"an id beyond int64", `{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"ping"}`, Message{
			Kind: Request, ID: []byte("123456789012345678901234567890"), Method: "ping"}},
		{"an id of 256 bytes", `{"jsonrpc":"2.0","id":"` + strings.Repeat("x", 256) + `","method":"ping"}`, Message{
			Kind: Request, ID: []byte(`"` + strings.Repeat("x", 256) + `"`), Method: "ping"}},
		{"unknown members", `{"jsonrpc":"2.0","id":1,"method":"ping","trace":true,"params":{"other":1,"_meta":{"com.example/X":1}}}`, Message{
			Kind: Request, ID: []byte("1"), Method: "ping", Params: []byte(`{"other":1,"_meta":{"com.example/X":1}}`), Meta: []byte(`{"com.example/X":1}`)}},
		{"names in any case where they mean nothing", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"arguments":{"Name":1,"name":2,"METHOD":3}}}`, Message{
			Kind: Request, ID: []byte("1"), Method: "ping", Params: []byte(`{"arguments":{"Name":1,"name":2,"METHOD":3}}`), Arguments: []byte(`{"Name":1,"name":2,"METHOD":3}`)}},
		{"a _meta of another type", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":[]}}`, Message{
			Kind: Request, ID: []byte("1"), Method: "ping", Params: []byte(`{"_meta":[]}`), Meta: []byte(`[]`)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := Message{Kind: Response, Result: []byte("stale"), Cursor: []byte("stale")}
			if err := Parse([]byte(test.body), &m); err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprintf("%q", m), fmt.Sprintf("%q", test.want); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestParseTakesTheLargestMessageItPromises(t *testing.T) {
	var m Message
	deep := `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"arguments":` + strings.Repeat("[", 62) + strings.Repeat("]", 62) + `}}`
	if err := Parse([]byte(deep), &m); err != nil {
		t.Errorf("64 levels: %v", err)
	}
	// The message, jsonrpc, id, method, params and the array count too.
	wide := `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"arguments":[` + strings.Repeat("1,", 10_000-7) + `1]}}`
	if err := Parse([]byte(wide), &m); err != nil {
		t.Errorf("10000 values: %v", err)
	}
}

func TestParseDoesNotAllocateForKnownMethods(t *testing.T) {
	for _, body := range [][]byte{[]byte(datedCall), []byte(modernCall)} {
		var m Message
		if n := testing.AllocsPerRun(200, func() { _ = Parse(body, &m) }); n > 1 {
			t.Errorf("%v allocations", n)
		}
	}
}

func TestMembersOfAScannedObject(t *testing.T) {
	object := []byte("{ \"a\" : 1 ,\n\"b\\u0062\":{\"a\":2}, \"c\":[ ] }")
	var got []string
	for name, raw := range Members(object) {
		got = append(got, string(name)+"="+string(raw))
	}
	if s := strings.Join(got, " "); s != `a=1 bb={"a":2} c=[ ]` {
		t.Errorf("got %s", s)
	}
	for _, test := range []struct{ object, name, want string }{
		{string(object), "bb", `{"a":2}`}, {string(object), "A", ""}, {`{}`, "a", ""}, {`[1]`, "a", ""}, {``, "a", ""},
	} {
		if raw := Member([]byte(test.object), test.name); string(raw) != test.want {
			t.Errorf("Member(%s, %q) = %q, want %q", test.object, test.name, raw, test.want)
		}
	}
}

func TestTextReadsStringsAlone(t *testing.T) {
	for _, test := range []struct {
		raw, want string
		ok        bool
	}{
		{`"a b"`, "a b", true}, {`""`, "", true}, {`"\u00e9\n\ud83d\ude00"`, "é\n😀", true}, {`7`, "", false}, {`null`, "", false}, {``, "", false}, {`{"a":"b"}`, "", false},
	} {
		if s, ok := Text([]byte(test.raw)); s != test.want || ok != test.ok {
			t.Errorf("Text(%s) = %q, %v", test.raw, s, ok)
		}
	}
}

func TestPlainLenFindsTheFirstSpecialByte(t *testing.T) {
	for length := range 40 {
		for at := range length + 1 {
			for c := range 256 {
				b := []byte(strings.Repeat("\u0080!#[]\u00ff ~", 5)[:length])
				want := length
				if at < length {
					if b[at] = byte(c); c < ' ' || c == '"' || c == '\\' {
						want = at
					}
					if at+1 < length && want == at {
						b[at+1] = '"'
					}
				}
				if got := plainLen(b); got != want {
					t.Fatalf("plainLen(%q) = %d, want %d", b, got, want)
				}
			}
		}
	}
}
