package paginate

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
)

// placeColumn begins the names of the columns that a Keyset page reads for its cursor.
const placeColumn = "mcpecho_place_"

// withPlaces returns a schema that reads rows of the type of row, and besides them the columns of
// places, into the places that the context of a statement carries.
//
// The ordered values cannot be taken from the rows: a query may not select them, a plain Go field
// turns NULL into zero, and a driver may round a number or move a time to another zone on its way
// into the field.
func withPlaces(row *schema.Schema) *schema.Schema {
	s := &schema.Schema{
		Name: row.Name, ModelType: row.ModelType, Table: row.Table,
		PrioritizedPrimaryField: row.PrioritizedPrimaryField,
		PrimaryFields:           row.PrimaryFields, PrimaryFieldDBNames: row.PrimaryFieldDBNames,
		DBNames: row.DBNames, Fields: row.Fields,
		FieldsByName: row.FieldsByName, FieldsByBindName: row.FieldsByBindName,
		FieldsByDBName: map[string]*schema.Field{}, AfterFind: row.AfterFind,
	}
	s.Relationships.HasOne, s.Relationships.BelongsTo = row.Relationships.HasOne, row.Relationships.BelongsTo
	s.Relationships.HasMany, s.Relationships.Many2Many = row.Relationships.HasMany, row.Relationships.Many2Many
	s.Relationships.Relations = row.Relationships.Relations
	s.Relationships.EmbeddedRelations = row.Relationships.EmbeddedRelations
	for name, f := range row.FieldsByDBName {
		s.FieldsByDBName[name] = f
	}
	for i := range row.DBNames { // a walk has at most one term for each column
		name := fmt.Sprint(placeColumn, i)
		s.FieldsByDBName[name] = &schema.Field{Name: name, DBName: name, Readable: true, Schema: s, NewValuePool: anyPool{}, Set: readPlace}
	}
	return s
}

// anyPool makes the variables that the columns of places are scanned into.
type anyPool struct{}

func (anyPool) Get() any { return new(any) }
func (anyPool) Put(any)  {}

type placesKey struct{}

func readPlace(ctx context.Context, _ reflect.Value, v any) error {
	p, ok := ctx.Value(placesKey{}).(*places)
	if !ok {
		return fmt.Errorf("paginate: the context of a Keyset page was replaced while its rows were read")
	}
	p.read = append(p.read, *v.(*any))
	return nil
}

// places are the ordered values of each row of a page, as the database has them. As an expression
// they are the end of the page's select list.
type places struct {
	scan  *schema.Schema
	terms []term
	read  []any // len(terms) values for each row
}

// Build writes the columns of the terms, and makes the statement read them.
func (p *places) Build(b clause.Builder) {
	dialect := ""
	if stmt, ok := b.(*gorm.Statement); ok {
		dialect = stmt.Name()
		if stmt.ReflectValue.IsValid() && elemOf(stmt.ReflectValue.Type()) == p.scan.ModelType {
			stmt.Schema = p.scan
		}
		stmt.Context = context.WithValue(stmt.Context, placesKey{}, p)
	}
	p.read = nil
	for i, t := range p.terms {
		_, _ = b.WriteString(", ")
		t.exactly(dialect).Build(b)
		_, _ = b.WriteString(" AS ")
		b.WriteQuoted(fmt.Sprint(placeColumn, i))
	}
}

func elemOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// row returns the place of the row at index i.
func (p *places) row(i int) []any {
	return p.read[i*len(p.terms) : (i+1)*len(p.terms)]
}

// exactly is the column in the form in which a driver neither rounds nor converts it, and in which
// it equals itself when it comes back as a parameter.
func (t term) exactly(dialect string) clause.Expression {
	sql := "?"
	switch dialect {
	case "postgres":
		sql = "CAST(? AS text)"
	case "sqlite":
		sql = "+?" // an expression has no declared type, by which a driver would turn text into a time
	case "mysql":
		switch {
		case t.indexed():
			return t.compared(dialect)
		case t.typed("float", "double") || t.field.GORMDataType == schema.Float && !t.typed("dec", "num"):
			sql = "? + 0e0" // a FLOAT is sent with six digits only
		case t.field.GORMDataType == schema.Time:
			sql = "CAST(? AS CHAR)" // not in the zone of the connection
		}
	}
	return clause.Expr{SQL: sql, Vars: []any{t.column()}}
}

// compared is the column in the form in which < and > agree with ORDER BY.
func (t term) compared(dialect string) clause.Expression {
	if dialect == "mysql" && t.indexed() {
		return clause.Expr{SQL: "(? + 0)", Vars: []any{t.column()}}
	}
	return clause.Expr{SQL: "?", Vars: []any{t.column()}}
}

// indexed says whether MySQL orders the column by the places of its values in the type, but
// compares it as text.
func (t term) indexed() bool { return t.typed("enum", "set") }

// typed says whether the type of the column begins with one of prefixes: that in the database, or
// else that of the model.
func (t term) typed(prefixes ...string) bool {
	declared := strings.ToLower(strings.TrimSpace(cmp.Or(t.stored, string(t.field.DataType))))
	for _, prefix := range prefixes {
		if strings.HasPrefix(declared, prefix) {
			return true
		}
	}
	return false
}

// value is what a driver has read of a column, as a parameter that the column is compared with.
func (t term) value(v any, dialect string) any {
	b, ok := v.([]byte)
	isText := func() bool {
		return t.field.GORMDataType != schema.Bytes ||
			t.typed("char", "varchar", "text", "tinytext", "mediumtext", "longtext")
	}
	if ok && dialect == "mysql" && isText() {
		return string(b) // bytes would be compared without the collation of the column
	}
	return v
}

// storedTypes are the types of the columns of Config.Row in the database. Only MySQL is asked,
// once. It alone has types, ENUM and SET, that it orders in one way and compares in another, and a
// model need not say that a text column is an ENUM.
func (p *Paginator) storedTypes(db *gorm.DB) map[string]string {
	if db.Name() != "mysql" {
		return nil
	}
	if known := p.stored.Load(); known != nil {
		return *known
	}
	types := map[string]string{}
	err := readTypes(db.Session(&gorm.Session{NewDB: true, Logger: logger.Discard}).Table(p.cfg.Row.Table).Limit(0), types)
	if err == nil || db.Statement.Context.Err() == nil { // a table of another name is known by its model alone
		p.stored.Store(&types)
	}
	return types
}

func readTypes(query *gorm.DB, types map[string]string) error {
	rows, err := query.Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	for _, c := range columns {
		types[c.Name()] = c.DatabaseTypeName()
	}
	return err
}
