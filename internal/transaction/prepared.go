package transaction

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
)

// Sessions with prepared statements ask a transaction for a *sql.Stmt and run it themselves. What
// runs so could neither wait for its turn nor be looked at. They get one whose driver is the
// connection: it sends the text of the statement as if no session had prepared it.

// sender is the driver of the prepared statements of one connection.
type sender struct{ on *Conn }

func (s sender) Connect(context.Context) (driver.Conn, error) { return s, nil }

func (sender) Driver() driver.Driver { return nil }

func (s sender) Prepare(query string) (driver.Stmt, error) { return sent{s.on, query}, nil }

func (sender) Begin() (driver.Tx, error) { return nil, driver.ErrSkip }

func (sender) Close() error { return nil }

// statement makes the *sql.Stmt for one that a session has prepared, nil when its text cannot be
// read. Who calls it is inside of [Conn.enter].
func (c *Conn) statement(ctx context.Context, prepared *sql.Stmt) *sql.Stmt {
	query := reflect.ValueOf(prepared).Elem().FieldByName("query") // package sql does not give it away
	if query.Kind() != reflect.String {
		return nil
	}
	if c.sends == nil {
		sends := sql.OpenDB(sender{c})
		context.AfterFunc(c.state.ctx, func() { _ = sends.Close() })
		c.sends = sends
	}
	stmt, err := c.sends.PrepareContext(ctx, query.String())
	if err != nil {
		return nil
	}
	return stmt
}

// sent is a statement of a sender.
type sent struct {
	on    *Conn
	query string
}

func (sent) Close() error { return nil }

func (sent) NumInput() int { return -1 } // the database counts

// CheckNamedValue leaves values to the driver that sends them.
func (sent) CheckNamedValue(*driver.NamedValue) error { return nil }

var errNoContext = errors.New("mcpecho: a prepared statement is run with a context")

func (sent) Exec([]driver.Value) (driver.Result, error) { return nil, errNoContext }

func (sent) Query([]driver.Value) (driver.Rows, error) { return nil, errNoContext }

func (s sent) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	result, err := s.on.ExecContext(ctx, s.query, values(args)...)
	return result, once(err)
}

func (s sent) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.on.QueryContext(ctx, s.query, values(args)...)
	if err != nil {
		return nil, once(err)
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, errors.Join(once(err), rows.Close())
	}
	return &sentRows{rows, types}, nil
}

// once keeps package sql from sending a statement again: there is no other connection.
func once(err error) error {
	if errors.Is(err, driver.ErrBadConn) {
		return errors.New(err.Error())
	}
	return err
}

func values(args []driver.NamedValue) []any {
	all := make([]any, len(args))
	for i, a := range args {
		if all[i] = a.Value; a.Name != "" {
			all[i] = sql.Named(a.Name, a.Value)
		}
	}
	return all
}

// sentRows are rows on their way to the session. Values and types stay as they are.
type sentRows struct {
	rows  *sql.Rows
	types []*sql.ColumnType
}

func (r *sentRows) Columns() []string {
	names := make([]string, len(r.types))
	for i, t := range r.types {
		names[i] = t.Name()
	}
	return names
}

func (r *sentRows) Close() error { return r.rows.Close() }

func (r *sentRows) Next(dest []driver.Value) error {
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	into := make([]any, len(dest))
	for i := range dest {
		into[i] = (*any)(&dest[i])
	}
	return r.rows.Scan(into...)
}

func (r *sentRows) ColumnTypeScanType(i int) reflect.Type { return r.types[i].ScanType() }

func (r *sentRows) ColumnTypeDatabaseTypeName(i int) string { return r.types[i].DatabaseTypeName() }

func (r *sentRows) ColumnTypeNullable(i int) (nullable, ok bool) { return r.types[i].Nullable() }

func (r *sentRows) ColumnTypeLength(i int) (int64, bool) { return r.types[i].Length() }

func (r *sentRows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	return r.types[i].DecimalSize()
}
