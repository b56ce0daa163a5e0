package filters_test

import (
	"fmt"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/filters"
)

type Task struct {
	ID       int64
	Title    string
	Priority int64
	Done     bool
	Owner    *string
	Token    string `secret:"true"`
}

// tasks opens a database with three of them, and the schema of their model.
func tasks() (db *gorm.DB, row *schema.Schema, remove func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	db, err = gorm.Open(sqlite.Open(filepath.Join(dir, "tasks.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		panic(err)
	}
	if err := db.AutoMigrate(&Task{}); err != nil {
		panic(err)
	}
	ann := "ann"
	db.Create([]Task{
		{Title: "Write 100% of it", Priority: 3, Owner: &ann},
		{Title: "Read it", Priority: 1, Done: true},
		{Title: "Ship it", Priority: 2, Owner: &ann},
	})
	row, err = filters.SchemaOf(Task{}, db.NamingStrategy)
	if err != nil {
		panic(err)
	}
	return db, row, func() { os.RemoveAll(dir) }
}

// printTitles decodes each document into an F and prints the titles that it leaves.
func printTitles[F any](db *gorm.DB, filter *filters.Filter, documents ...string) {
	args, err := binding.Compile(filter.Part())
	if err != nil {
		panic(err)
	}
	for _, document := range documents {
		var in F
		if err := args.Decode([]byte(document), &in); err != nil {
			fmt.Println(err)
			continue
		}
		var titles []string
		if err := filter.Apply(db.Model(&Task{}), &in).Order("id").Pluck("title", &titles).Error; err != nil {
			panic(err)
		}
		fmt.Printf("%q\n", titles)
	}
}

// The type of a field and its operator belong together.
func ExampleCompile() {
	type TaskFilter struct {
		Done     *bool                 `json:"done"`
		Text     *string               `json:"text" filter:"title,icontains"`
		IDs      []int64               `json:"ids" filter:"id,in"`
		Priority *filters.Range[int64] `json:"priority"`
	}
	db, row, remove := tasks()
	defer remove()
	filter, err := filters.Compile[TaskFilter](row)
	if err != nil {
		panic(err)
	}
	printTitles[TaskFilter](db, filter,
		`{}`,
		`{"done": false}`,
		`{"text": "100%"}`,
		`{"ids": [1, 2], "priority": {"max": 2}}`,
		`{"ids": []}`,
	)
	// Output:
	// ["Write 100% of it" "Read it" "Ship it"]
	// ["Write 100% of it" "Ship it"]
	// ["Write 100% of it"]
	// ["Read it"]
	// []
}

// An Opt and isnull ask for NULL.
func ExampleCompile_null() {
	type TaskFilter struct {
		Owner binding.Opt[string] `json:"owner"`
		Free  *bool               `json:"free" filter:"owner,isnull"`
	}
	db, row, remove := tasks()
	defer remove()
	filter, err := filters.Compile[TaskFilter](row)
	if err != nil {
		panic(err)
	}
	printTitles[TaskFilter](db, filter, `{"owner": "ann"}`, `{"owner": null}`, `{"free": false}`)
	// Output:
	// ["Write 100% of it" "Ship it"]
	// ["Read it"]
	// ["Write 100% of it" "Ship it"]
}

// A filter struct that could not work is refused at start-up.
func ExampleCompile_refused() {
	type Ambiguous struct {
		Done bool `json:"done"`
	}
	type Unknown struct {
		Deadline *string `json:"deadline"`
	}
	type Rounded struct {
		Priority *float64 `json:"priority"`
	}
	type Secret struct {
		Token *string `json:"token"`
	}
	_, row, remove := tasks()
	defer remove()
	for _, compile := range []func(*schema.Schema) (*filters.Filter, error){
		filters.Compile[Ambiguous], filters.Compile[Unknown], filters.Compile[Rounded], filters.Compile[Secret],
	} {
		_, err := compile(row)
		fmt.Println(err)
	}
	// Output:
	// filters: Ambiguous.Done must be *bool so that absent and false differ
	// filters: Unknown.Deadline is like no column of Task; add a tag filter:"column,op" with one of id, title, priority, done, owner, token
	// filters: Rounded.Priority is of type float64, but column priority is int, and databases round differently; use an integer type
	// filters: Secret.Token filters column token, which is tagged secret: what it matches would tell its value; remove it
}

// A filter takes rows away from a query and never adds any, whatever the query is made of.
func ExampleFilter_Apply() {
	type TaskFilter struct {
		Done *bool `json:"done"`
	}
	db, row, remove := tasks()
	defer remove()
	filter, err := filters.Compile[TaskFilter](row)
	if err != nil {
		panic(err)
	}
	done := true
	query := db.Model(&Task{}).Where("priority = 3").Or("priority = 1")
	var titles []string
	if err := filter.Apply(query, &TaskFilter{Done: &done}).Pluck("title", &titles).Error; err != nil {
		panic(err)
	}
	fmt.Println(titles)
	// Output:
	// [Read it]
}
