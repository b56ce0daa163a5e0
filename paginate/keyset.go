package paginate

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
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

var (
	errStuck = errors.New("paginate: a row came again on the page after it: an ordered column does not equal the value " +
		"that was read from it; order by another, or give its field the type that it has in the database")
	errRepeats = errors.New("paginate: a row came twice on one page, and a cursor cannot tell its copies apart; " +
		"in place of a join with many rows use EXISTS, Distinct or numbered pages")
	errMerged = errors.New("paginate: the query merges rows by GROUP BY or DISTINCT without selecting all ordered columns and the " +
		"primary key, so that a cursor has no row to continue after; use numbered pages")
)

// keyset is the place of one page in its walk.
type keyset struct {
	keys    Sealer
	dialect string
	places  places
	context []byte // what the cursors of this walk are bound to
	after   []byte // the encoded values that this page begins after; nil for the first
}

// term is one ordered column.
type term struct {
	field  *schema.Field
	desc   bool
	stored string // the type of the column in the database, "" when unknown
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
	stored := p.storedTypes(db)
	for i := range terms {
		terms[i].stored = stored[terms[i].field.DBName]
	}
	k := &keyset{keys: p.cfg.Keys, dialect: db.Name(), places: places{scan: p.scan, terms: terms}}
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
		where = after(terms, values, k.dialect)
	}
	paged := limited(db, *in.Limit+1, 0, func(stmt *gorm.Statement) {
		if narrow.Merges(stmt, p.key, orderBy(terms).Columns) {
			_ = stmt.AddError(errMerged)
		}
		if where != nil {
			narrow.And(stmt, where)
		}
		delete(stmt.Clauses, "ORDER BY")
		stmt.AddClause(orderBy(terms))
		selected := stmt.Clauses["SELECT"]
		selected.AfterExpression = &k.places
		stmt.Clauses["SELECT"] = selected
	})
	return paged, &Page{Limit: *in.Limit, keyset: k}, nil
}

func errCursor() error {
	return binding.Errorf("cursor", "cursor",
		"is not a cursor of this list with these arguments; start again without it")
}

func termsOf(row *schema.Schema, order []clause.OrderByColumn) (terms []term, err error) {
	for _, o := range order {
		f, ok := row.FieldsByDBName[o.Column.Name]
		if !ok || o.Column.Raw {
			return nil, fmt.Errorf("paginate: %s has no column %q to continue from; order a Keyset list by its own columns",
				row.Name, o.Column.Name)
		}
		terms = append(terms, term{field: f, desc: o.Desc})
	}
	desc := len(terms) > 0 && terms[len(terms)-1].desc // as ordering does, so that an index can serve both
	for _, f := range row.PrimaryFields {
		if !slices.ContainsFunc(terms, func(t term) bool { return t.field == f }) {
			terms = append(terms, term{field: f, desc: desc})
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
		// Leaving out zero fields keeps an absent list apart from an empty one, and an absent Opt
		// from null.
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

// nullable reports whether the column can hold NULL. The Go type does not tell it: gorm makes a
// column nullable unless it is in the primary key or tagged not null.
func (t term) nullable() bool { return !t.field.PrimaryKey && !t.field.NotNull }

func orderBy(terms []term) clause.OrderBy {
	var o clause.OrderBy
	for _, t := range terms {
		o.Columns = append(o.Columns, clause.OrderByColumn{Column: t.column(), Desc: t.desc})
	}
	return o
}

// after is the condition of the rows that come after values in the order of terms: those that are
// beyond in the first term, or equal in it and beyond in the second, and so on. PostgreSQL takes
// NULL for its greatest value and orders it last when ascending, the others first.
func after(terms []term, values []any, dialect string) clause.Expression {
	var (
		either []string
		vars   []any
	)
	same, sameVars := "", []any(nil)
	nullsFollow := func(t term) bool { return t.nullable() && (dialect == "postgres") != t.desc }
	for i, t := range terms {
		beyond, beyondVars := "", []any(nil)
		c := t.compared(dialect)
		switch {
		case values[i] != nil && nullsFollow(t):
			beyond, beyondVars = "(? "+t.sign()+" ? OR ? IS NULL)", []any{c, values[i], t.column()}
		case values[i] != nil:
			beyond, beyondVars = "? "+t.sign()+" ?", []any{c, values[i]}
		case !nullsFollow(t):
			beyond, beyondVars = "? IS NOT NULL", []any{t.column()}
		}
		if beyond != "" {
			either = append(either, same+beyond)
			vars = append(append(vars, sameVars...), beyondVars...)
		}
		if values[i] == nil {
			same, sameVars = same+"? IS NULL AND ", append(sameVars, t.column())
		} else {
			same, sameVars = same+"? = ? AND ", append(sameVars, c, values[i])
		}
	}
	switch len(either) {
	case 0:
		return clause.Expr{SQL: "1 = 0"}
	case 1:
		return clause.Expr{SQL: either[0], Vars: vars}
	}
	sql := "(" + strings.Join(either, ") OR (") + ")"
	if first := terms[0]; values[0] != nil && !nullsFollow(first) {
		// The rest implies this condition, but without it databases read the index of the first
		// column from its start.
		sql = "? " + first.sign() + "= ? AND (" + sql + ")"
		vars = append([]any{first.compared(dialect), values[0]}, vars...)
	}
	return clause.Expr{SQL: sql, Vars: vars}
}

func (t term) sign() string {
	if t.desc {
		return "<"
	}
	return ">"
}

// next seals the place of the row at index last, or returns "" when last is -1. It looks at all n
// rows: none may be the one that the page begins after, and none the one before it again.
func (k *keyset) next(n, last int) (string, error) {
	if len(k.places.read) != n*len(k.places.terms) {
		return "", fmt.Errorf("paginate: Wrap got %d rows, and the query of Run read %d; "+
			"give it the rows that were read by that query, of type %s",
			n, len(k.places.read)/len(k.places.terms), k.places.scan.ModelType)
	}
	token, before := "", []byte(nil)
	for i := range n {
		place, err := k.encode(k.places.row(i))
		switch {
		case err != nil:
			return "", err
		case k.after != nil && bytes.Equal(place, k.after):
			return "", errStuck
		case i > 0 && bytes.Equal(place, before):
			return "", errRepeats
		case i == last:
			token = k.keys.Seal(purpose, place, k.context)
		}
		before = place
	}
	if len(token) > seal.MaxToken {
		return "", errors.New("paginate: the ordered values of a row are too long for a cursor; " +
			"order by shorter columns")
	}
	return token, nil
}

// encode encodes the ordered values of a row.
func (k *keyset) encode(values []any) (data []byte, err error) {
	for i, t := range k.places.terms {
		v := t.value(values[i], k.dialect)
		if v == nil && !t.nullable() {
			return nil, fmt.Errorf("paginate: column %s holds NULL, but the model says that it cannot; "+
				"correct one of them", t.field.DBName)
		}
		if data, err = appendValue(data, v); err != nil {
			return nil, fmt.Errorf("paginate: column %s cannot be part of a cursor: %w", t.field.DBName, err)
		}
	}
	return data, nil
}
