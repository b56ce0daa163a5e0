package paginate

import (
	"bytes"
	"database/sql"
	"math"
	"reflect"
	"testing"
	"time"
)

func TestValuesSurviveTheCursorExactly(t *testing.T) {
	zone := time.FixedZone("", 5*3600+1800)
	values := []any{
		nil, int64(0), uint64(math.MaxUint64), int64(math.MinInt64), int64(math.MaxInt64), int64(9007199254740993), 0.1, math.Inf(-1), math.SmallestNonzeroFloat64,
		true, false, "", "é\x00\xff", []byte{0, 255}, time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 1, zone),
	}
	var data []byte
	for _, v := range values {
		var err error
		if data, err = appendValue(data, v); err != nil {
			t.Fatalf("%v: %v", v, err)
		}
	}
	got, err := decodeValues(data)
	if err != nil || len(got) != len(values) {
		t.Fatalf("got %v, %v", got, err)
	}
	for i, want := range values {
		if w, ok := want.(time.Time); ok {
			g, _ := got[i].(time.Time)
			if !g.Equal(w) || g.Format(time.RFC3339Nano) != w.Format(time.RFC3339Nano) {
				t.Errorf("got %v, want %v", g, w)
			}
		} else if !reflect.DeepEqual(got[i], want) {
			t.Errorf("got %#v, want %#v", got[i], want)
		}
	}
}

func TestGoTypesBecomeWhatTheDriverStores(t *testing.T) {
	type status string
	text := "x"
	for _, tt := range []struct{ in, want any }{
		{int32(-7), int64(-7)}, {uint8(7), int64(7)}, {float32(0.5), 0.5}, {status("paid"), "paid"}, {&text, "x"}, {(*string)(nil), nil}, {[]byte(nil), nil},
		{sql.NullString{}, nil}, {sql.NullInt64{Int64: 3, Valid: true}, int64(3)},
	} {
		data, err := appendValue(nil, tt.in)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeValues(data); err != nil || !reflect.DeepEqual(got, []any{tt.want}) {
			t.Errorf("%#v: got %#v, %v", tt.in, got, err)
		}
	}
	for _, v := range []any{struct{}{}, []string{"a"}} {
		if data, err := appendValue(nil, v); err == nil {
			t.Errorf("%#v became %q", v, data)
		}
	}
}

func FuzzDecodeValues(f *testing.F) {
	for _, seed := range []string{"", "n", "i", "i\x02", "f1234567", "b", "u\x01", "s\x01a", "s\x05a", "t\x01a", "x\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "z"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		values, err := decodeValues(data)
		if err != nil {
			return
		}
		var again []byte
		for _, v := range values {
			if again, err = appendValue(again, v); err != nil {
				t.Fatalf("%#v: %v", v, err)
			}
		}
		round, err := decodeValues(again)
		if err != nil || len(round) != len(values) || len(again) > 0 && !bytes.Equal(again[:1], data[:1]) {
			t.Errorf("%v became %v, %v", values, round, err)
		}
	})
}
