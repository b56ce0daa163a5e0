package paginate

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/narrow"
	"github.com/mcpecho/kit/internal/seal"
)

const purpose = "cursor"

var errStuck = errors.New("paginate: a row came again on the page after it: an ordered column does not equal the value " +
	"that was read from it; order by another, or store it exactly")

// keyset is the place of one page in its walk.
type keyset struct {
	keys    Sealer
	row     *schema.Schema
	terms   []term
	context []byte // what the cursors of this walk are bound to
	after   []byte // the encoded values that this page begins after; nil for the first
}

// term is one ordered column.
type term struct {
	field *schema.Field
	desc  bool
}

// seek runs a page that begins after a cursor.
func (p *Paginator) seek(db *gorm.DB, in CursorInput, walk Walk) (*gorm.DB, *Page, error) {
	if bad := p.normalise(nil, &in.Limit); bad != nil {
		return nil, nil, &binding.Error{Fields: bad}
	}
	terms, err := termsOf(p.cfg.Row, walk.Terms)
	if err != nil {
		return nil, nil, err
	}
	k := &keyset{keys: p.cfg.Keys, row: p.cfg.Row, terms: terms}
	if k.context, err = walk.digest(terms); err != nil {
		return nil, nil, err
	}
	var where clause.Expression
	if in.Cursor != nil {
		data, err := k.keys.Open(purpose, *in.Cursor, k.context)
		if err != nil {
			return nil, nil, errCursor()
		}
		values, err := decodeValues(data)
		if err != nil || len(values) != len(terms) {
			return nil, nil, errCursor()
		}
		k.after = data
		where = after(terms, values, db.Dialector.Name() == "postgres")
	}
	paged := limited(db, *in.Limit+1, 0, func(stmt *gorm.Statement) {
		if where != nil {
			narrow.And(stmt, where)
		}
		delete(stmt.Clauses, "ORDER BY")
		stmt.AddClause(orderBy(terms))
	})
	return paged, &Page{Limit: *in.Limit, keyset: k}, nil
}

func errCursor() error {
	return binding.Errorf("cursor", "cursor", "is not a cursor of this list with these arguments; start again without it")
}

func termsOf(row *schema.Schema, order []clause.OrderByColumn) (terms []term, err error) {
	for _, o := range order {
		f, ok := row.FieldsByDBName[o.Column.Name]
		if !ok || o.Column.Raw {
			return nil, fmt.Errorf("paginate: %s has no column %q to continue from; order a Keyset list by its own columns",
				row.Name, o.Column.Name)
		}
		terms = append(terms, term{f, o.Desc})
	}
	for _, f := range row.PrimaryFields {
		if !slices.ContainsFunc(terms, func(t term) bool { return t.field == f }) {
			terms = append(terms, term{field: f})
		}
	}
	return terms, nil
}

// digest is equal for two pages only if they belong to the same walk.
func (w Walk) digest(terms []term) ([]byte, error) {
	h := sha256.New()
	write := func(b []byte) {
		h.Write(binary.AppendUvarint(nil, uint64(len(b))))
		h.Write(b)
	}
	write(w.Owner)
	for _, t := range terms {
		write(fmt.Appendf(nil, "%s %t", t.field.DBName, t.desc))
	}
	write(nil)
	for _, arg := range w.Args {
		// Without its zero fields a struct tells an absent list from an empty one, and an absent Opt from null.
		b, err := json.Marshal(arg, json.Deterministic(true), json.OmitZeroStructFields(true))
		if err != nil {
			return nil, fmt.Errorf("paginate: Walk.Args must encode as JSON: %w", err)
		}
		write(b)
	}
	return h.Sum(nil), nil
}

func (t term) column() clause.Column {
	return clause.Column{Table: clause.CurrentTable, Name: t.field.DBName}
}

// nullable reports whether the Go field can hold NULL.
func (t term) nullable() bool {
	if t.field.PrimaryKey || t.field.NotNull {
		return false
	}
	ft := t.field.FieldType
	return ft.Kind() == reflect.Pointer || ft.Implements(reflect.TypeFor[driver.Valuer]())
}

func orderBy(terms []term) clause.OrderBy {
	var o clause.OrderBy
	for _, t := range terms {
		o.Columns = append(o.Columns, clause.OrderByColumn{Column: t.column(), Desc: t.desc})
	}
	return o
}

// after is the condition of the rows that come after values in the order of terms: those that are beyond in the first
// term, or equal in it and beyond in the second, and so on. A database that takes NULL for its greatest value orders it
// last when ascending, the others first.
func after(terms []term, values []any, nullIsGreatest bool) clause.Expression {
	var (
		either []string
		vars   []any
	)
	same, sameVars := "", []any(nil)
	for i, t := range terms {
		nullsFollow := t.nullable() && nullIsGreatest != t.desc
		beyond, beyondVars := "", []any(nil)
		switch c := t.column(); {
		case values[i] != nil && nullsFollow:
			beyond, beyondVars = "(? "+t.sign()+" ? OR ? IS NULL)", []any{c, values[i], c}
		case values[i] != nil:
			beyond, beyondVars = "? "+t.sign()+" ?", []any{c, values[i]}
		case !nullsFollow:
			beyond, beyondVars = "? IS NOT NULL", []any{c}
		}
		if beyond != "" {
			either = append(either, same+beyond)
			vars = append(append(vars, sameVars...), beyondVars...)
		}
		if values[i] == nil {
			same, sameVars = same+"? IS NULL AND ", append(sameVars, t.column())
		} else {
			same, sameVars = same+"? = ? AND ", append(sameVars, t.column(), values[i])
		}
	}
	switch len(either) {
	case 0:
		return clause.Expr{SQL: "1 = 0"}
	case 1:
		return clause.Expr{SQL: either[0], Vars: vars}
	}
	sql := "(" + strings.Join(either, ") OR (") + ")"
	if first := terms[0]; values[0] != nil && !first.nullable() {
		// Implied by the rest, but without it databases read the index of the first column from its start.
		sql = "? " + first.sign() + "= ? AND (" + sql + ")"
		vars = append([]any{first.column(), values[0]}, vars...)
	}
	return clause.Expr{SQL: sql, Vars: vars}
}

func (t term) sign() string {
	if t.desc {
		return "<"
	}
	return ">"
}

// cursor seals the place of a row.
func (k *keyset) cursor(row reflect.Value) (string, error) {
	data, err := k.place(row)
	if err != nil {
		return "", err
	}
	token := k.keys.Seal(purpose, data, k.context)
	if len(token) > seal.MaxToken {
		return "", errors.New("paginate: the ordered values of a row are too long for a cursor; order by shorter columns")
	}
	return token, nil
}

// place encodes the ordered values of a row.
func (k *keyset) place(row reflect.Value) (data []byte, err error) {
	if row = reflect.Indirect(row); row.Type() != k.row.ModelType {
		return nil, fmt.Errorf("paginate: Wrap got a row of type %s; give it the rows that were read, of type %s", row.Type(), k.row.ModelType)
	}
	for _, t := range k.terms {
		v, _ := t.field.ValueOf(context.Background(), row)
		if data, err = appendValue(data, v); err != nil {
			return nil, fmt.Errorf("paginate: column %s cannot be part of a cursor: %w", t.field.DBName, err)
		}
	}
	return data, nil
}
