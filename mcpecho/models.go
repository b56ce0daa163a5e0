package mcpecho

import (
	"database/sql/driver"
	"reflect"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// modelSchema parses a gorm model with the database's own naming rules.
func (s *Server) modelSchema(row reflect.Type) (*schema.Schema, error) {
	var namer schema.Namer = schema.NamingStrategy{}
	if s.cfg.DB != nil {
		namer = s.cfg.DB.NamingStrategy
	}
	return schema.Parse(reflect.New(row).Interface(), &s.models, namer)
}

// parseModels finds the models that the entry reads, takes or returns, and those of the specs of a
// sequence: an error of the database names the columns of one of them.
func (e *entry) parseModels(s *Server) (all []*schema.Schema) {
	rows, types := []reflect.Type{e.spec.row}, append([]reflect.Type{e.spec.out}, e.parts...)
	for _, l := range e.spec.links {
		rows, types = append(rows, l.spec.row), append(types, l.spec.out)
	}
	for _, model := range append(rows, types...) {
		for model != nil && (model.Kind() == reflect.Pointer || model.Kind() == reflect.Slice) {
			model = model.Elem()
		}
		if model == nil || model.Kind() != reflect.Struct || !slices.Contains(rows, model) && !isModel(model) {
			continue
		}
		if parsed, err := s.modelSchema(model); err == nil && !slices.Contains(all, parsed) {
			all = append(all, parsed)
		}
	}
	return all
}

// isModel says whether a type is made for gorm, which prints its complaints about others: it says
// so, or it has a key and nothing but columns.
func isModel(t reflect.Type) bool {
	if _, says := reflect.New(t).Interface().(schema.Tabler); says {
		return true
	}
	key := false
	for i := range t.NumField() {
		f := t.Field(i)
		if _, tagged := f.Tag.Lookup("gorm"); tagged || f.Type == reflect.TypeFor[gorm.Model]() {
			return true
		}
		if !f.IsExported() {
			continue
		}
		key = key || strings.EqualFold(f.Name, "id")
		if !isColumn(f.Type) {
			return false
		}
	}
	return key
}

func isColumn(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Slice:
		return t.Elem().Kind() == reflect.Uint8
	case reflect.Struct, reflect.Array:
		return t == reflect.TypeFor[time.Time]() || t.Implements(reflect.TypeFor[driver.Valuer]())
	case reflect.Map, reflect.Interface, reflect.Chan, reflect.Func, reflect.Pointer, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer, reflect.Uintptr:
		return false
	}
	return true
}
