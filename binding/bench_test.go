package binding_test

import (
	"reflect"
	"testing"

	"github.com/mcpecho/kit/binding"
)

type benchInput struct {
	Number string `json:"number" validate:"required,max=32"`
	Amount int64  `json:"amount_cents" validate:"required,gte=0"`
	Sent   bool   `json:"sent"`
}

type benchPlain struct {
	Number string `json:"number"`
	Amount int64  `json:"amount_cents"`
	Sent   bool   `json:"sent"`
}

func BenchmarkDecode(b *testing.B) {
	data := []byte(`{"number":"A-1","amount_cents":100,"sent":true}`)
	b.Run("rules", func(b *testing.B) { benchDecode[benchInput](b, data) })
	b.Run("plain", func(b *testing.B) { benchDecode[benchPlain](b, data) })
	b.Run("bad", func(b *testing.B) {
		a, err := binding.Compile(binding.Part{Type: reflect.TypeFor[benchInput]()})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			var v benchInput
			if a.Decode([]byte(`{"numbr":"A-1","amount_cents":-1}`), &v) == nil {
				b.Fatal("accepted bad input")
			}
		}
	})
}

func benchDecode[T any](b *testing.B, data []byte) {
	a, err := binding.Compile(binding.Part{Type: reflect.TypeFor[T]()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var v T
		if err := a.Decode(data, &v); err != nil {
			b.Fatal(err)
		}
	}
}
