package ordering_test

import (
	"fmt"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/filters"
	"github.com/mcpecho/kit/ordering"
)

type Bill struct {
	ID     int64
	Number string
	Cents  int64
	Token  string `secret:"true"`
}

// bills opens a database with three of them, and the schema of their model.
func bills() (db *gorm.DB, row *schema.Schema, remove func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	db, err = gorm.Open(sqlite.Open(filepath.Join(dir, "bills.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		panic(err)
	}
	if err := db.AutoMigrate(&Bill{}); err != nil {
		panic(err)
	}
	db.Create([]Bill{{Number: "A-2", Cents: 100}, {Number: "A-1", Cents: 300}, {Number: "A-3", Cents: 100}})
	row, err = filters.SchemaOf(Bill{}, db.NamingStrategy)
	if err != nil {
		panic(err)
	}
	return db, row, func() { os.RemoveAll(dir) }
}

// Without an argument and a default the query keeps its own order, and the primary key breaks ties.
func ExampleOrder_Apply() {
	db, row, remove := bills()
	defer remove()
	order, err := ordering.Compile(row, ordering.Config{Fields: []string{"number"}})
	if err != nil {
		panic(err)
	}
	query := order.Apply(db.Model(&Bill{}).Order("cents DESC"), nil)
	var numbers []string
	if err := query.Pluck("number", &numbers).Error; err != nil {
		panic(err)
	}
	fmt.Println(numbers)
	// Output:
	// [A-1 A-3 A-2]
}

// The primary key is the last term, in the direction of the one before it.
func ExampleOrder_Terms() {
	_, row, remove := bills()
	defer remove()
	order, err := ordering.Compile(row, ordering.Config{Fields: []string{"cents"}})
	if err != nil {
		panic(err)
	}
	for _, term := range order.Terms(&ordering.Input{Ordering: ordering.Names{"-cents"}}) {
		fmt.Println(term.Column.Name, term.Desc)
	}
	// Output:
	// cents true
	// id true
}

// A group has no one number to order by.
func ExampleOrder_Apply_grouped() {
	db, row, remove := bills()
	defer remove()
	order, err := ordering.Compile(row, ordering.Config{Fields: []string{"cents", "number"}})
	if err != nil {
		panic(err)
	}
	var groups []struct{ Cents, Bills int64 }
	query := db.Model(&Bill{}).Select("cents, count(*) AS bills").Group("cents")
	err = order.Apply(query, &ordering.Input{Ordering: ordering.Names{"number"}}).Find(&groups).Error
	fmt.Println(err)
	err = order.Apply(query, &ordering.Input{Ordering: ordering.Names{"-cents"}}).Find(&groups).Error
	fmt.Println(groups, err)
	// Output:
	// ordering: the query merges rows by GROUP BY or DISTINCT, so that its rows have no one "number" to order by; select that column too, or leave it out of the order
	// [{300 1} {100 2}] <nil>
}

// What could not be ordered by is refused at start-up.
func ExampleCompile_refused() {
	_, row, remove := bills()
	defer remove()
	for _, name := range []string{"total", "token", "sum(cents)"} {
		_, err := ordering.Compile(row, ordering.Config{Fields: []string{name}})
		fmt.Println(err)
	}
	// Output:
	// ordering: Bill has no column "total"; its columns are id, number, cents, token
	// ordering: column "token" is tagged secret, and an order of the rows would tell its values; remove it
	// ordering: Bill has no column "sum(cents)"; its columns are id, number, cents, token
}
