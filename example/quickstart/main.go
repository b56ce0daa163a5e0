package main

import (
	"log"
	"os"

	"github.com/labstack/echo/v4"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

type Task struct {
	ID    int64  `json:"id"`
	Title string `json:"title" doc:"What is to be done."`
	Done  bool   `json:"done"`
}

type NewTask struct {
	Title string `json:"title" validate:"required,max=80" doc:"What is to be done."`
}

type TaskFilter struct {
	Done  *bool   `json:"done" doc:"Only done, or only open tasks."`
	Title *string `json:"title" filter:"title,icontains" doc:"Text in the title."`
}

func addTask(c *mcpecho.Call, in NewTask) (Task, error) {
	task := Task{Title: in.Title}
	err := c.DB().Create(&task).Error
	return task, err
}

func tasks(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil }

func main() {
	db, err := gorm.Open(sqlite.Open("tasks.db?_txlock=immediate&_busy_timeout=5000"), &gorm.Config{
		Logger: logger.New(log.Default(), logger.Config{LogLevel: logger.Warn, ParameterizedQueries: true}), // SQL without its values
	})
	if err != nil || db.AutoMigrate(&Task{}) != nil {
		panic("cannot open tasks.db")
	}
	srv := mcpecho.New(mcpecho.Config{Name: "tasks", Version: "1.0.0", DB: db})
	srv.Use(mw.RateLimit(10), mw.Transaction())
	srv.Add(
		mcpecho.Service("tasks.add", addTask, mcpecho.Describe("Add a task."), mw.Scopes("tasks:write")),
		mcpecho.Selector[Task]("tasks.list", tasks, mcpecho.Describe("List tasks."), mw.Scopes("tasks:read"),
			mw.Filter[TaskFilter](), mw.Order("title", "id"), mw.Paginate(20)),
	)
	srv.Fprint(os.Stdout)

	e := echo.New() // or the Echo you have
	srv.Mount(e.Group("/mcp"), mw.Bearer([]byte(os.Getenv("JWT_SECRET"))))
	e.Logger.Fatal(e.Start("localhost:8080"))
}
