package binding

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/mcpecho/kit/internal/nearest"
)

// Compiler compiles arguments with rules of an application.
type Compiler struct {
	// Validator checks the values of fields in the place of this package's own, so that the rules
	// and aliases registered with it can stand in validate tags. A rule sees the value alone: not
	// its struct, whose tags are not read. Register the rules before compiling. Default: a
	// validator with the rules of go-playground/validator.
	Validator *validator.Validate
}

func (c Compiler) engine() engine {
	if c.Validator == nil {
		return ours
	}
	return engine{c.Validator, "min=1"}
}

// nonEmpty is what required means for a string, beyond being present.
const nonEmpty = "nonempty"

// validate is the validator of this package. It never reads struct tags: it gets one value and its
// rules at a time, since only the decoder knows which fields are present.
var validate = newValidator()

// engine is a validator and how it says that a text must not be empty.
type engine struct {
	*validator.Validate
	nonEmpty string
}

var ours = engine{validate, nonEmpty}

// engineFor picks the validator of a field: that of the application, unless the rules are about the
// keys of a map of structs, into which it would go by the struct tags.
func (b *builder) engineFor(f *field) engine {
	n := f.node.base()
	for rules := f.rules.elem; rules != nil && n.elem != nil; rules = rules.elem {
		if n = n.elem.base(); rules.keys != nil && n.kind == kindStruct {
			return ours
		}
	}
	return b.engine
}

func newValidator() *validator.Validate {
	v := validator.New()
	v.SetTagName("-")
	_ = v.RegisterValidation(nonEmpty, func(f validator.FieldLevel) bool { return f.Field().Len() > 0 })
	return v
}

// try runs rules once; the validator panics on rules it does not know or cannot apply.
func (by engine) try(tag string, v, parent any) (err error) {
	defer func() {
		switch p := recover(); {
		case p == nil:
		case strings.HasPrefix(fmt.Sprint(p), "Undefined validation function"):
			err = unknownRule(fmt.Sprint(p), tag)
		default:
			err = fmt.Errorf("its validate tag %q cannot be used here: %v", tag, p)
		}
	}()
	if err := by.VarWithValue(v, parent, tag); err != nil {
		if _, ok := errors.AsType[*validator.InvalidValidationError](err); ok {
			return err
		}
	}
	return nil
}

// unknownRule words what the validator says of a rule that it does not know.
func unknownRule(said, tag string) error {
	name := tag
	if parts := strings.Split(said, "'"); len(parts) > 1 {
		name = parts[1]
	}
	known := append([]string{"required", "dive", "keys", "endkeys", "omitempty", "oneof", "noneof"}, crossRules...)
	for _, table := range []map[string]string{formats, patterns, fixed, parameterized} {
		known = append(known, slices.Sorted(maps.Keys(table))...)
	}
	known = append(known, slices.Sorted(maps.Keys(comparisons))...)
	hint := ""
	if near := nearest.Of(name, known); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return fmt.Errorf("its validate tag has the rule %q, which go-playground/validator does not know%s", name, hint)
}
