package paginate

import (
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"

	"github.com/google/jsonschema-go/jsonschema"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/narrow"
	"github.com/mcpecho/kit/internal/seal"
)

// Config declares the pages of a list. Its zero value numbers pages of 20 rows.
type Config struct {
	// Limit is the number of rows of a page when the caller names none. Default 20, or MaxLimit
	// when that is less.
	Limit int
	// MaxLimit is the most rows of a page: a caller who asks for more gets this many. Default 100,
	// or Limit when that is more.
	MaxLimit int
	// Keyset continues with cursors instead of page numbers.
	Keyset bool
	// Row is the schema of the rows; see filters.SchemaOf. Required with Keyset, and it must have a
	// primary key. With it numbered pages end their order with the primary key, so that they never
	// overlap. Default: none, and the query must have an order without ties.
	Row *schema.Schema
	// Keys seal the cursors: a ring of [NewKeys], or the Sealer of an mcpecho.Server. Replicas must
	// share the keys. Default: one random key, so that cursors are valid only while the process
	// runs.
	Keys Sealer
}

// Sealer makes tokens that a client keeps but cannot read or change, and opens them again under the
// same purpose and context.
type Sealer interface {
	Seal(purpose string, plaintext, context []byte) string
	Open(purpose, token string, context []byte) ([]byte, error)
}

// NewKeys returns a ring of keys of exactly 32 random bytes each. The first key seals and all of
// them open. To change the key, put a new one in front and keep the old one until its cursors are
// no longer needed. Without keys it has one random key. A key that is too short or repeated is an
// error.
func NewKeys(keys ...[]byte) (Sealer, error) { return seal.New(keys...) }

// Paginator is a compiled Config. It is immutable and safe for concurrent use.
type Paginator struct {
	cfg  Config
	key  []clause.OrderByColumn // the primary key of Config.Row
	scan *schema.Schema         // reads the rows and their places; nil unless Keyset

	stored atomic.Pointer[map[string]string] // see storedTypes
}

// Input is the struct that the arguments of numbered pages are decoded into.
type Input struct {
	Page  *int `json:"page,omitzero"`
	Limit *int `json:"limit,omitzero"`
}

// CursorInput is the struct that the arguments of Keyset pages are decoded into.
type CursorInput struct {
	Cursor *string `json:"cursor,omitzero"`
	Limit  *int    `json:"limit,omitzero"`
}

// Compile checks a Config. It returns an error that names the field and the fix.
func Compile(cfg Config) (*Paginator, error) {
	if cfg.Limit < 0 || cfg.MaxLimit < 0 {
		return nil, fmt.Errorf("paginate: Limit %d and MaxLimit %d must be positive; 0 means the default",
			cfg.Limit, cfg.MaxLimit)
	}
	if cfg.MaxLimit == 0 {
		cfg.MaxLimit = max(cfg.Limit, 100)
	}
	if cfg.Limit == 0 {
		cfg.Limit = min(20, cfg.MaxLimit)
	}
	if cfg.Limit > cfg.MaxLimit {
		return nil, fmt.Errorf("paginate: Limit %d is above MaxLimit %d; raise MaxLimit or lower Limit",
			cfg.Limit, cfg.MaxLimit)
	}
	if cfg.Keyset {
		if cfg.Row == nil || len(cfg.Row.PrimaryFields) == 0 {
			return nil, errors.New("paginate: Keyset needs Config.Row, a schema with a primary key, " +
				"to tell equal rows apart")
		}
		if cfg.Keys == nil {
			keys, err := NewKeys()
			if err != nil {
				return nil, err
			}
			cfg.Keys = keys
		}
	}
	p := &Paginator{cfg: cfg}
	if cfg.Keyset {
		p.scan = withPlaces(cfg.Row)
	}
	if cfg.Row != nil {
		for _, f := range cfg.Row.PrimaryFields {
			p.key = append(p.key, clause.OrderByColumn{Column: term{field: f}.column()})
		}
	}
	return p, nil
}

// Part declares the arguments to binding.Compile, decoded into an [Input], or into a [CursorInput]
// with Keyset. A limit above the maximum is not refused but lowered to it.
func (p *Paginator) Part() binding.Part {
	one, most := 1.0, float64(p.cfg.MaxLimit)
	limit := &jsonschema.Schema{
		Type: "integer", Minimum: &one, Maximum: &most, Default: fmt.Append(nil, p.cfg.Limit),
		Description: "Rows per page.",
	}
	if p.cfg.Keyset {
		return binding.Part{
			Type: reflect.TypeFor[CursorInput](),
			Schema: map[string]*jsonschema.Schema{
				"cursor": {
					Type:        "string",
					Description: "nextCursor of the page before, with the same other arguments. Leave it out to begin.",
				},
				"limit": limit,
			},
			Check: func(v any) []binding.FieldError {
				return p.normalise(nil, &v.(*CursorInput).Limit)
			},
		}
	}
	return binding.Part{
		Type: reflect.TypeFor[Input](),
		Schema: map[string]*jsonschema.Schema{
			"page":  {Type: "integer", Minimum: &one, Default: []byte("1"), Description: "Number of the page; the first is 1."},
			"limit": limit,
		},
		Check: func(v any) []binding.FieldError {
			in := v.(*Input)
			return p.normalise(&in.Page, &in.Limit)
		},
	}
}

// normalise fills in what the caller left out and lowers a limit above the maximum; page is nil
// with Keyset. Part.Check calls it, so that a bad value is reported together with the other bad
// arguments, and Run calls it again, because an Input need not come from binding: there is no query
// without a LIMIT.
func (p *Paginator) normalise(page, limit **int) (bad []binding.FieldError) {
	check := func(name string, v **int, fallback int) {
		switch {
		case *v == nil:
			*v = &fallback
		case **v < 1:
			bad = append(bad, binding.FieldError{Path: name, Rule: "min", Message: "must be at least 1"})
		}
	}
	if page != nil {
		check("page", page, 1)
	}
	check("limit", limit, p.cfg.Limit)
	if **limit > p.cfg.MaxLimit {
		most := p.cfg.MaxLimit
		*limit = &most
	}
	return bad
}

// Walk identifies the list that a cursor continues. Numbered pages ignore it.
type Walk struct {
	// Terms is the order of the list, as ordering.Order.Terms gives it. Missing columns of the
	// primary key are added; none at all means the primary key alone. A column that the row does
	// not have is an error.
	Terms []clause.OrderByColumn
	// Owner identifies who may use the cursor and where, for instance the principal and the name of
	// the list. A cursor of one owner is refused when another one sends it. Default: empty, and
	// every caller may use the cursor.
	Owner []byte
	// Args are the other arguments that choose the rows, for instance the decoded filter struct;
	// pointers to structs that encode as JSON. A cursor is refused when they change.
	Args []any
}

// Run returns db limited to the page that v asks for, an *Input or a *CursorInput as Part declares;
// db itself is not changed. Numbered pages count the rows here, in a query of its own; a page past
// the end is empty. With Keyset the ORDER BY of db is replaced by the terms of walk, because a
// cursor can only continue an order that it knows, and one row more than the limit is read, which
// [Page.Wrap] takes off again.
//
// The query must have a model and no LIMIT of its own. Arguments out of range and a cursor that
// does not fit are returned as *binding.Error, and errors of the database as they are.
func (p *Paginator) Run(db *gorm.DB, v any, walk Walk) (*gorm.DB, *Page, error) {
	if db.Statement.Model == nil {
		return nil, nil, errors.New("paginate: the query has no model, so its rows cannot be counted; " +
			"begin it with db.Model(&Row{})")
	}
	switch in := v.(type) {
	case *Input:
		if !p.cfg.Keyset {
			return p.number(db, *in)
		}
	case *CursorInput:
		if p.cfg.Keyset {
			return p.seek(db, *in, walk)
		}
	}
	return nil, nil, fmt.Errorf("paginate: Run got %T; give it the decoded *%s", v, p.Part().Type)
}

// limited returns db with a LIMIT, and after change when that is not nil.
func limited(db *gorm.DB, limit, offset int, change func(*gorm.Statement)) *gorm.DB {
	return narrow.Last(db, func(stmt *gorm.Statement) {
		refuseLimit(stmt)
		if change != nil {
			change(stmt)
		}
		stmt.AddClause(clause.Limit{Limit: &limit, Offset: offset})
	})
}

var errLimit = errors.New("paginate: the query already has LIMIT or OFFSET; remove it, the page decides")

func refuseLimit(stmt *gorm.Statement) {
	if _, ok := stmt.Clauses["LIMIT"]; ok {
		stmt.AddError(errLimit)
	}
}
