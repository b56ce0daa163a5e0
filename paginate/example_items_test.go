package paginate_test

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/mcpecho/kit/filters"
	"github.com/mcpecho/kit/paginate"
)

// What is shown need not be the rows.
func ExamplePage_Wrap() {
	db, remove := bills()
	defer remove()
	pages, err := paginate.Compile(paginate.Config{Limit: 2})
	if err != nil {
		panic(err)
	}
	query, page, err := pages.Run(db.Model(&bill{}).Order("id"), &paginate.Input{}, paginate.Walk{})
	if err != nil {
		panic(err)
	}
	var rows []bill
	if err := query.Find(&rows).Error; err != nil {
		panic(err)
	}
	items := make([]string, len(rows))
	for i, row := range rows {
		items[i] = row.Number
	}
	envelope, err := page.Wrap(rows, items)
	if err != nil {
		panic(err)
	}
	text, err := json.Marshal(envelope)
	fmt.Println(string(text), err)
	// Output:
	// {"items":["A-1","A-2"],"page":1,"limit":2,"total":5,"totalPages":3,"hasNext":true} <nil>
}

// A cursor of an old key opens while the ring holds the key, and not after.
func ExampleNewKeys() {
	oldKey, newKey := []byte("the first 32 bytes of a secret.."), []byte("32 other bytes of another secret")
	db, remove := bills()
	defer remove()
	row, err := filters.SchemaOf(bill{}, db.NamingStrategy)
	if err != nil {
		panic(err)
	}
	read := func(keys paginate.Sealer, cursor *string) (next *string, err error) {
		pages, err := paginate.Compile(paginate.Config{Limit: 2, Keyset: true, Row: row, Keys: keys})
		if err != nil {
			return nil, err
		}
		query, page, err := pages.Run(db.Model(&bill{}), &paginate.CursorInput{Cursor: cursor}, paginate.Walk{})
		if err != nil {
			return nil, err
		}
		var rows []bill
		if err := query.Find(&rows).Error; err != nil {
			return nil, err
		}
		envelope, err := page.Wrap(rows, rows)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(envelope)
		if err != nil {
			return nil, err
		}
		var read paginate.CursorEnvelope[bill]
		if err := json.Unmarshal(text, &read); err != nil {
			return nil, err
		}
		fmt.Println(read.Items)
		return &read.NextCursor, nil
	}

	keys, err := paginate.NewKeys(oldKey)
	if err != nil {
		panic(err)
	}
	cursor, err := read(keys, nil)
	if err != nil {
		panic(err)
	}

	keys, err = paginate.NewKeys(newKey, oldKey)
	if err != nil {
		panic(err)
	}
	if _, err := read(keys, cursor); err != nil {
		panic(err)
	}

	keys, err = paginate.NewKeys(newKey)
	if err != nil {
		panic(err)
	}
	_, err = read(keys, cursor)
	fmt.Println(err)
	// Output:
	// [{1 A-1 0} {2 A-2 100}]
	// [{3 A-3 0} {4 A-4 100}]
	// binding: invalid arguments: cursor is not a cursor of this list with these arguments; start again without it
}

// A mistake in the configuration is an error at start-up, and one in the query an error of the
// page.
func ExampleCompile_refused() {
	_, err := paginate.Compile(paginate.Config{Limit: 50, MaxLimit: 10})
	fmt.Println(err)
	_, err = paginate.Compile(paginate.Config{Keyset: true})
	fmt.Println(err)

	db, remove := bills()
	defer remove()
	pages, err := paginate.Compile(paginate.Config{})
	if err != nil {
		panic(err)
	}
	_, _, err = pages.Run(db.Model(&bill{}).Limit(3), &paginate.Input{}, paginate.Walk{})
	fmt.Println(err)
	// Output:
	// paginate: Limit 50 is above MaxLimit 10; raise MaxLimit or lower Limit
	// paginate: Keyset needs Config.Row, a schema with a primary key, to tell equal rows apart
	// paginate: the query already has LIMIT or OFFSET; remove it, the page decides
}
