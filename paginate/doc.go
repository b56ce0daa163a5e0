// Package paginate turns a gorm query into pages, declared once: the arguments of a list, the LIMIT
// of its query and the envelope of its result.
//
// # The simplest use
//
// By default a page has a number. [Compile] is called once, at start-up, and [Paginator.Part]
// declares the arguments page and limit:
//
//	pages, err := paginate.Compile(paginate.Config{Limit: 2, MaxLimit: 3})
//	args, err := binding.Compile(pages.Part())
//
// A handler decodes them into an [Input]. [Paginator.Run] counts the rows and limits the query, and
// [Page.Wrap] puts what was read into an envelope:
//
//	query := db.WithContext(c.Request().Context()).Model(&bill{}).Order("id")
//	query, page, err := pages.Run(query, &in, paginate.Walk{})
//	var rows []bill
//	if err := query.Find(&rows).Error; err != nil {
//		return err
//	}
//	envelope, err := page.Wrap(rows, rows)
//	return c.JSON(http.StatusOK, envelope)
//
// The answer to GET /invoices?page=2&limit=20 is
//
//	{"items": [...], "page": 2, "limit": 20, "total": 57, "totalPages": 3, "hasNext": true}
//
// [Paginator.EnvelopeSchema] describes it, and a Go client decodes it into an [Envelope].
//
// # Limits
//
// A caller who asks for more than [Config].MaxLimit rows gets MaxLimit rows, and is not refused: a
// model cannot know the maximum before it has read the schema. A page or a limit below 1 is an
// error of the argument. A page past the end is empty. totalPages is at least 1, also without rows:
// page 1 exists.
//
// # Pages that follow a row
//
// With [Config].Keyset a page begins after the last row of the one before. The arguments are cursor
// and limit, and the envelope has the cursor of the next page, which the last page has not:
//
//	{"items": [...], "nextCursor": "..."}
//
// This costs neither a COUNT nor an OFFSET, so page 10,000 is as fast as page 1, and rows that come
// and go meanwhile neither repeat nor hide others. It needs the schema of the rows, whose primary
// key tells equal rows apart, and keys:
//
//	row, err := filters.SchemaOf(bill{}, db.NamingStrategy)
//	keys, err := paginate.NewKeys([]byte("32 random bytes, from a secret..")) // the same on every replica
//	pages, err := paginate.Compile(paginate.Config{Limit: 2, Keyset: true, Row: row, Keys: keys})
//
// A [Walk] says which list a cursor belongs to. Its order comes from package ordering, and replaces
// the ORDER BY of the query:
//
//	query, page, err := pages.Run(query, &place, paginate.Walk{
//		Terms: order.Terms(&sort),
//		Owner: []byte(c.Request().Header.Get("User")),
//		Args:  []any{&by, &sort},
//	})
//
// # Cursors
//
// A cursor is sealed: it holds the ordered values of a row, which a client can neither read nor
// change. It opens only for the same owner, arguments and order, and otherwise it is an error of
// the argument cursor. To change the key, put the new one in front and keep the old one as long as
// its cursors are to be valid:
//
//	keys, err = paginate.NewKeys(newKey, oldKey)
//
// # Items other than rows
//
// Wrap takes the rows that were read, and beside them what is shown for each:
//
//	items := make([]string, len(rows))
//	for i, row := range rows {
//		items[i] = row.Number
//	}
//	envelope, err := page.Wrap(rows, items)
//
// # The order of numbered pages
//
// With Config.Row the primary key is the last term of the order here too, so that pages never
// overlap. Without it the query must have an order without ties.
//
// # What is refused, and why
//
//   - A query with a LIMIT of its own, since the page decides, and raw SQL, which gorm cannot
//     limit.
//   - What a cursor cannot continue, as an error of the page and never as a gap or a loop: groups
//     and DISTINCT rows without the primary key, rows that a join repeats (use EXISTS or Distinct),
//     and a column that does not equal the value which was read from it.
//   - A cursor that was changed, or that belongs to another owner, list, order or filter.
//
// # What a cursor holds
//
// The place of a row is what the database itself holds in the ordered columns. They are selected
// once more, under names of their own, in a form that no driver rounds or moves to another zone. So
// a query may leave them out of its SELECT, a plain Go field may stand for a column with NULL, and
// a time may be stored in any text that SQLite takes.
//
// A column without a primary key or the tag not null counts as one that may hold NULL. Where its
// NULL rows come last (on PostgreSQL ascending, on the others descending) the condition of a page
// has an OR for them, which not every database reads from an index: tag the columns of long lists
// not null when they are. MySQL and MariaDB are asked once for the types of the table of
// Config.Row, because an ENUM or SET has another order than its text.
//
// # Without MCP
//
// The code above is all that a REST handler needs; it imports Echo, gorm and this package.
package paginate
