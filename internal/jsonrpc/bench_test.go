package jsonrpc

import (
	"bytes"
	"testing"
)

// A dated call of about 300 bytes and a modern one of about 600.
const (
	datedCall = `{"jsonrpc":"2.0","id":4711,"method":"tools/call","params":{"name":"invoices.list","arguments":{"sent":false,"number":"A-1002",` +
		`"min_amount":100,"max_amount":250000,"created_after":"2026-01-01T00:00:00Z","ordering":["-created_at","number"],"page":3,"limit":50,` +
		`"note":"first quarter, without reversals"}}}`
	modernMeta = `{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"example-client","version":"1.4.2"},` +
		`"io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{}},"sampling":{}},"progressToken":17}`
	modernCall = `{"jsonrpc":"2.0","id":4711,"method":"tools/call","params":{"name":"invoices.list","arguments":{"sent":false,"number":"A-1002",` +
		`"min_amount":100,"max_amount":250000,"created_after":"2026-01-01T00:00:00Z","ordering":["-created_at","number"],"page":3,"limit":50,` +
		`"note":"first quarter, without reversals"},"_meta":` + modernMeta + `}}`
)

func BenchmarkParse(b *testing.B) {
	for _, bench := range []struct{ name, body string }{{"dated", datedCall}, {"modern", modernCall}} {
		b.Run(bench.name, func(b *testing.B) {
			body := []byte(bench.body)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			var m Message
			for b.Loop() {
				if err := Parse(body, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseMeta(b *testing.B) {
	for _, bench := range []struct{ name, meta string }{
		{"same token", modernMeta},
		{"no token", `{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`},
	} {
		b.Run(bench.name, func(b *testing.B) {
			raw := []byte(bench.meta)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseMeta(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("never the same", func(b *testing.B) {
		raw := []byte(`{"traceparent":"00000000",` + modernMeta[1:])
		digits := raw[bytes.IndexByte(raw, '0'):][:8]
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			for i, v := 0, n; i < len(digits); i, v = i+1, v/10 {
				digits[i] = byte('0' + v%10)
			}
			if _, err := ParseMeta(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendResult(b *testing.B) {
	id, result := []byte("4711"), []byte(`{"content":[],"structuredContent":{"items":[]}}`)
	buf := GetBuffer()
	b.ReportAllocs()
	for b.Loop() {
		buf.B = AppendResult(buf.B[:0], id, result)
	}
}
