package paginate

import (
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

var errValues = errors.New("paginate: malformed cursor values")

// appendValue appends a column's value so that decodeValues gives the database exactly what it
// stored. The forms are those that every database/sql driver takes.
func appendValue(b []byte, v any) ([]byte, error) {
	if u, ok := v.(uint64); ok && u > math.MaxInt64 { // of MySQL, whose driver takes it back
		return binary.AppendUvarint(append(b, 'u'), u), nil
	}
	v, err := driver.DefaultParameterConverter.ConvertValue(v)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case nil:
		return append(b, 'n'), nil
	case int64:
		return binary.AppendVarint(append(b, 'i'), v), nil
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 'f'), math.Float64bits(v)), nil
	case bool:
		if v {
			return append(b, 'b', 1), nil
		}
		return append(b, 'b', 0), nil
	case []byte:
		if v == nil {
			return append(b, 'n'), nil
		}
		return appendBytes(append(b, 'x'), v), nil
	case string:
		return appendBytes(append(b, 's'), []byte(v)), nil
	case time.Time:
		// With its offset: SQLite compares the text of a time, offset included.
		t, err := v.MarshalBinary()
		if err != nil {
			return nil, err
		}
		return appendBytes(append(b, 't'), t), nil
	}
	return nil, fmt.Errorf("%T is no value of a database driver", v)
}

func appendBytes(b, v []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// decodeValues undoes appendValue for a whole cursor.
func decodeValues(b []byte) (values []any, err error) {
	for len(b) > 0 {
		kind := b[0]
		b = b[1:]
		switch kind {
		case 'n':
			values = append(values, nil)
		case 'i':
			v, n := binary.Varint(b)
			if n <= 0 {
				return nil, errValues
			}
			values, b = append(values, v), b[n:]
		case 'u':
			v, n := binary.Uvarint(b)
			if n <= 0 || v <= math.MaxInt64 {
				return nil, errValues
			}
			values, b = append(values, v), b[n:]
		case 'f':
			if len(b) < 8 {
				return nil, errValues
			}
			values, b = append(values, math.Float64frombits(binary.BigEndian.Uint64(b))), b[8:]
		case 'b':
			if len(b) < 1 {
				return nil, errValues
			}
			values, b = append(values, b[0] == 1), b[1:]
		case 'x', 's', 't':
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return nil, errValues
			}
			data := b[n : n+int(size)]
			b = b[n+int(size):]
			switch kind {
			case 'x':
				values = append(values, data)
			case 's':
				values = append(values, string(data))
			case 't':
				var t time.Time
				if err := t.UnmarshalBinary(data); err != nil {
					return nil, errValues
				}
				values = append(values, t)
			}
		default:
			return nil, errValues
		}
	}
	return values, nil
}
