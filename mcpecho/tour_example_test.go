package mcpecho_test

import (
	"context"
	"fmt"
	"os"

	"github.com/labstack/echo/v4"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcpecho/content"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
	"github.com/mcpecho/kit/paginate"
)

// The tour in doc.go shows these declarations as they stand here.

type Task struct {
	ID    int64  `json:"id"`
	Owner string `json:"owner"`
	Title string `json:"title"`
	Done  bool   `json:"done"`
}

type NewTask struct {
	Title string `json:"title" validate:"required,max=80" doc:"What is to be done."`
	List  string `json:"list" default:"inbox" validate:"oneof=inbox later"`
}

type ByID struct {
	ID int64 `json:"id" validate:"required"`
}

type TaskFilter struct {
	Done  *bool   `json:"done" doc:"Only done, or only open tasks."`
	Title *string `json:"title" filter:"title,icontains" doc:"Text in the title."`
}

func addTask(c *mcpecho.Call, in NewTask) (Task, error) {
	task := Task{Title: in.Title, Owner: c.Principal().Subject}
	err := c.DB().Create(&task).Error
	return task, err
}

func listTasks(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil }

func taskByID(c *mcpecho.Call, in ByID) (*gorm.DB, error) { return c.DB().Where("id = ?", in.ID), nil }

func finishTask(c *mcpecho.Call, in ByID) (Task, error) {
	var task Task
	if err := c.Narrowed(c.DB()).First(&task, in.ID).Error; err != nil {
		return task, err // gorm.ErrRecordNotFound becomes not_found
	}
	if task.Done {
		return task, mcpecho.Errorf("task %d is done already: list those with done=false", task.ID)
	}
	task.Done = true
	c.AfterCommit(func(context.Context) { fmt.Println("mail:", task.Title, "is done") })
	return task, c.DB().Save(&task).Error
}

func ownTasks(c *mcpecho.Call, db *gorm.DB) *gorm.DB {
	return db.Where("owner = ?", c.Principal().Subject)
}

func review(_ *mcpecho.Call, in struct {
	Week string `json:"week" validate:"required"`
}) ([]mcpecho.Message, error) {
	return []mcpecho.Message{{Content: content.Text{Text: "Review the tasks of week " + in.Week + "."}}}, nil
}

func audit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		fmt.Println("audit:", mcpecho.CallFrom(c).Name(), err == nil)
		return err
	}
}

func taskServer(db *gorm.DB) *mcpecho.Server {
	srv := mcpecho.New(mcpecho.Config{Name: "tasks", Version: "1.0.0", DB: db})
	srv.Use(mw.RateLimit(10), mw.Transaction(), mw.Narrow[Task](ownTasks))

	get := mcpecho.Retrieve[Task]("tasks.get", taskByID, mcpecho.Describe("Get a task."), mw.Scopes("tasks:read"))
	srv.Add(
		mcpecho.Service("tasks.add", addTask, mcpecho.Describe("Add a task."), mw.Scopes("tasks:write")),
		mcpecho.Service("tasks.finish", finishTask, mcpecho.Describe("Finish a task."), mw.Scopes("tasks:write"),
			mcpecho.Before("validate", mcpecho.Named("audit", audit))),
		mcpecho.Selector[Task]("tasks.list", listTasks, mcpecho.Describe("List tasks."), mw.Scopes("tasks:read"),
			mw.Filter[TaskFilter](), mw.Order("title", "id"), mw.Paginate(20)),
		get,
		get.AsResource("tasks://{id}", mcpecho.Name("task")),
		mcpecho.Prompt("review", review, mcpecho.Describe("Review the tasks of a week."), mw.Public("it shows nothing")),
	)
	return srv
}

func mount(e *echo.Echo, srv *mcpecho.Server, key []byte) {
	srv.Mount(e.Group("/mcp"), mw.Bearer(key))
}

// The whole tour.
func openTasks(ctx context.Context, srv *mcpecho.Server, owner string) ([]Task, error) {
	ctx = mcpecho.WithPrincipal(ctx, &mcpecho.Principal{Subject: owner, Scopes: []string{"tasks:read"}})
	page, err := mcpecho.Invoke[paginate.Envelope[Task]](ctx, srv, "tasks.list", TaskFilter{Done: new(false)})
	return page.Items, err
}

func Example() {
	db, err := gorm.Open(sqlite.Open("file:tour?mode=memory&cache=shared"), &gorm.Config{Logger: logger.Discard})
	if err != nil || db.AutoMigrate(&Task{}) != nil {
		panic("cannot open the database")
	}
	srv := taskServer(db)
	srv.Fprint(os.Stdout)
	mount(echo.New(), srv, []byte("a key of at least thirty-two bytes"))

	ann := mcptest.New(inExample(), srv).As(&mcpecho.Principal{Subject: "ann", Scopes: []string{"tasks:read", "tasks:write"}})
	task := mcptest.Call[Task](ann, "tasks.add", map[string]any{"title": "Write the tour"})
	fmt.Println(ann.Do("tasks.finish", ByID{task.ID}).Text)
	fmt.Println(ann.Do("tasks.finish", ByID{task.ID}).Error)
	fmt.Println(ann.Do("tasks.list", map[string]any{"title": "tour"}).Text)

	fmt.Println(openTasks(context.Background(), srv, "ann"))

	bob := ann.As(&mcpecho.Principal{Subject: "bob", Scopes: []string{"tasks:read"}})
	fmt.Println(bob.Do("tasks.get", ByID{task.ID}).Error)
	// Output:
	// tasks.add     scopes → ratelimit → narrow → validate → transaction → handle → serialize  (listed as tasks_add)
	// tasks.finish  scopes → ratelimit → narrow → audit → validate → transaction → handle → serialize  (listed as tasks_finish)
	// tasks.list    scopes → ratelimit → narrow → validate → handle → filter → order → paginate → fetch → serialize  (listed as tasks_list)
	// tasks.get     scopes → ratelimit → narrow → validate → handle → fetch → serialize  (listed as tasks_get)
	// tasks://{id}  scopes → ratelimit → narrow → validate → handle → fetch → serialize
	// review        public → ratelimit → narrow → validate → handle → serialize  (public: it shows nothing)
	// mail: Write the tour is done
	// audit: tasks.finish true
	// {"id":1,"owner":"ann","title":"Write the tour","done":true}
	// audit: tasks.finish false
	// error: task 1 is done already: list those with done=false
	// {"items":[{"id":1,"owner":"ann","title":"Write the tour","done":true}],"page":1,"limit":20,"total":1,"totalPages":1,"hasNext":false}
	// [] <nil>
	// not_found: tasks_get: no matching row found
}
