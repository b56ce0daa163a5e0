package filters

import (
	"database/sql/driver"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

var (
	timeType   = reflect.TypeFor[time.Time]()
	valuerType = reflect.TypeFor[driver.Valuer]()
	// optType has the methods by which a binding.Opt of any type is recognised.
	optType = reflect.TypeFor[interface {
		IsSet() bool
		IsNull() bool
	}]()
)

// compileFields collects the fields of t, those of embedded structs included.
func compileFields(t reflect.Type, row *schema.Schema, index []int) (fields []field, err error) {
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(slices.Clone(index), i)
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		embedded := sf.Type
		if embedded.Kind() == reflect.Pointer {
			embedded = embedded.Elem()
		}
		if sf.Anonymous && name == "" && embedded.Kind() == reflect.Struct {
			inner, err := compileFields(embedded, row, at)
			if err != nil {
				return nil, err
			}
			fields = append(fields, inner...)
			continue
		}
		if name == "-" || !sf.IsExported() {
			continue
		}
		if name == "" {
			name = sf.Name
		}
		f, err := compileField(sf, name, row)
		if err != nil {
			return nil, fmt.Errorf("filters: %s.%s %w", t.Name(), sf.Name, err)
		}
		f.index = at
		fields = append(fields, f)
	}
	return fields, nil
}

// compileField returns errors that complete a sentence which begins with the field.
func compileField(sf reflect.StructField, name string, row *schema.Schema) (field, error) {
	form, value, err := shapeOf(sf.Type)
	if err != nil {
		return field{}, err
	}
	columnName, op, _ := strings.Cut(sf.Tag.Get("filter"), ",")
	if op == "" {
		op = map[shape]string{shapePointer: "eq", shapeOpt: "eq", shapeList: "in", shapeRange: "between"}[form]
	}
	if err := checkShape(op, form, value); err != nil {
		return field{}, err
	}
	column, err := columnOf(row, columnName, name, sf.Name)
	if err != nil {
		return field{}, err
	}
	if err := checkColumn(op, value, column); err != nil {
		return field{}, err
	}
	return field{
		name:   name,
		shape:  form,
		column: clause.Column{Table: clause.CurrentTable, Name: column.DBName},
		op:     op,
		stored: storedOf(value, column),
	}, nil
}

// shapeOf returns the shape of a field and the type of its values.
func shapeOf(t reflect.Type) (shape, reflect.Type, error) {
	if t.Implements(optType) {
		if ptr, ok := t.MethodByName("Ptr"); ok {
			return shapeOpt, ptr.Type.Out(0).Elem(), nil
		}
	}
	switch t.Kind() {
	case reflect.Pointer:
		switch e := t.Elem(); {
		case isRange(e):
			return shapeRange, e.Field(0).Type.Elem(), nil
		case e.Kind() != reflect.Pointer && e.Kind() != reflect.Slice && e.Kind() != reflect.Map:
			return shapePointer, e, nil
		}
	case reflect.Slice:
		if e := t.Elem(); e.Kind() != reflect.Pointer && e.Kind() != reflect.Uint8 {
			return shapeList, e, nil
		}
	case reflect.Bool, reflect.String, reflect.Struct, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return 0, nil, fmt.Errorf("must be *%s so that absent and %s differ", t, zeroOf(t))
	}
	return 0, nil, fmt.Errorf("is a %s; make it a pointer, a slice, a *filters.Range or a binding.Opt of a plain value",
		t)
}

func isRange(t reflect.Type) bool {
	return t.PkgPath() == reflect.TypeFor[Range[int]]().PkgPath() && strings.HasPrefix(t.Name(), "Range[")
}

func zeroOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "false"
	case reflect.String:
		return "empty"
	case reflect.Struct:
		return "zero"
	}
	return "0"
}

// columnOf finds the column that a tag names, or else the one that the names of the field suggest.
func columnOf(row *schema.Schema, tag, jsonName, goName string) (*schema.Field, error) {
	if tag != "" {
		if f, ok := row.FieldsByDBName[tag]; ok {
			return f, nil
		}
		return nil, fmt.Errorf("filters column %q, which %s does not have; its columns are %s",
			tag, row.Name, strings.Join(row.DBNames, ", "))
	}
	if f, ok := row.FieldsByDBName[jsonName]; ok {
		return f, nil
	}
	var found []*schema.Field
	for _, f := range row.Fields { // those of embedded structs may share a Go name
		if f.Name == goName && f.DBName != "" {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, fmt.Errorf("is like no column of %s; add a tag filter:\"column,op\" with one of %s",
			row.Name, strings.Join(row.DBNames, ", "))
	}
	return nil, fmt.Errorf("could be column %s or %s of %s; add a tag filter:\"column,op\"",
		found[0].DBName, found[1].DBName, row.Name)
}

// checkShape checks that an operator exists and takes values of this shape.
func checkShape(op string, form shape, value reflect.Type) error {
	_, known := comparisons[op]
	_, isText := texts[op]
	switch {
	case op == "isnull":
		if form != shapePointer || value.Kind() != reflect.Bool {
			return fmt.Errorf("must be a *bool for the operator isnull")
		}
	case op == "between":
		if form != shapeRange {
			return fmt.Errorf("must be a *filters.Range[%s] for the operator between", value)
		}
	case op == "in" || op == "notin":
		if form != shapeList {
			return fmt.Errorf("must be a []%s for the operator %s", value, op)
		}
	case !known && !isText:
		return fmt.Errorf("has the unknown operator %q; use one of %s", op, strings.Join(operators(), ", "))
	case form == shapeOpt && op != "eq" && op != "ne":
		return fmt.Errorf("must be a *%s for the operator %s; only eq and ne have a meaning for the null of an Opt",
			value, op)
	case form == shapeList || form == shapeRange:
		return fmt.Errorf("must be a *%s for the operator %s", value, op)
	}
	return nil
}

func operators() []string {
	all := append(slices.Collect(maps.Keys(comparisons)), slices.Collect(maps.Keys(texts))...)
	return slices.Sorted(slices.Values(append(all, "between", "isnull")))
}

// checkColumn checks that an operator and a type of value make sense for a column.
func checkColumn(op string, value reflect.Type, column *schema.Field) error {
	switch {
	case column.Serializer != nil:
		return fmt.Errorf("filters column %s, whose stored form is made by a serializer and cannot be compared",
			column.DBName)
	case column.Tag.Get("secret") == "true":
		return fmt.Errorf("filters column %s, which is tagged secret: what it matches would tell its value; remove it",
			column.DBName)
	case column.IgnoreMigration:
		return fmt.Errorf("filters column %s, which is tagged -:migration, so it is computed and no column of the table; "+
			"take the argument in the selector and write the condition there, or give the table the column", column.DBName)
	}
	if op == "isnull" {
		return nil
	}
	_, isText := texts[op]
	if (isText || op == "ieq") && !holdsText(column) {
		return fmt.Errorf("has the operator %s, but column %s is %s and not text", op, column.DBName, column.DataType)
	}
	switch op {
	case "gt", "gte", "lt", "lte", "between":
		if column.GORMDataType == schema.Bool || column.GORMDataType == schema.Bytes {
			return fmt.Errorf("has the operator %s, but column %s is %s and has no order",
				op, column.DBName, column.GORMDataType)
		}
	}
	return checkType(value, column)
}

func holdsText(column *schema.Field) bool {
	if column.GORMDataType != schema.String {
		return false
	}
	stored := strings.ToLower(string(column.DataType))
	for _, s := range []string{"string", "char", "text", "clob"} {
		if strings.Contains(stored, s) {
			return true
		}
	}
	return false
}

// checkType refuses values that the column's database type cannot be compared with.
func checkType(value reflect.Type, column *schema.Field) error {
	if value == column.IndirectFieldType {
		return nil
	}
	have, want := dataType(value), column.GORMDataType
	numeric := []schema.DataType{schema.Int, schema.Uint, schema.Float}
	switch want {
	case schema.Int, schema.Uint:
		if have == schema.Float {
			return fmt.Errorf("is of type %s, but column %s is %s, and databases round differently; use an integer type",
				value, column.DBName, column.GORMDataType)
		}
		if (have == schema.Int || have == schema.Uint) && column.Size > 0 && value.Bits() > column.Size {
			return fmt.Errorf("has %d bits, but column %s has %d: a greater number would fail in the database",
				value.Bits(), column.DBName, column.Size)
		}
	case schema.Float:
		if have == schema.Float && column.Size > 0 && value.Bits() > column.Size {
			return fmt.Errorf("has %d bits, but column %s has %d: 0.1 of the one is not 0.1 of the other; use *float%d",
				value.Bits(), column.DBName, column.Size, column.Size)
		}
	case schema.Bool, schema.String, schema.Time, schema.Bytes:
	default:
		want = have // a type of its own; its Valuer and the database decide
	}
	switch {
	case have == "" && !value.Implements(valuerType):
		return fmt.Errorf("is of type %s, which is no database value; use a plain type or implement driver.Valuer",
			value)
	case have == "", have == want, slices.Contains(numeric, have) && slices.Contains(numeric, want):
		return nil
	}
	return fmt.Errorf("is of type %s, but column %s is %s", value, column.DBName, column.GORMDataType)
}

// dataType is gorm's name for the kind of column that a plain Go type is stored in, or "".
func dataType(t reflect.Type) schema.DataType {
	switch t.Kind() {
	case reflect.Bool:
		return schema.Bool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return schema.Int
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return schema.Uint
	case reflect.Float32, reflect.Float64:
		return schema.Float
	case reflect.String:
		return schema.String
	}
	if t == timeType {
		return schema.Time
	}
	return ""
}
