package mcpecho_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/integration_test/dbtest"
	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

func TestLimitsOfTheDatabaseAreNoInternalErrors(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		slow := map[string][]string{
			"postgres": {"SET LOCAL statement_timeout = 20", "SELECT pg_sleep(5)"},
			"mysql":    {"SET SESSION max_statement_time = 0.05", "SELECT SLEEP(5)"},
		}[db.Name()]
		reading := "PRAGMA query_only = 1"
		if db.Name() != "sqlite" {
			reading = "SELECT 1"
		}
		if err := db.AutoMigrate(&shelf{}); err != nil {
			t.Fatal(err)
		}
		b := setupOn(t, db)
		b.srv.Add(
			mcpecho.Service("slow", func(c *mcpecho.Call, _ none) (string, error) {
				if err := c.DB().Exec(slow[0]).Error; err != nil {
					return "", err
				}
				return "", c.DB().Exec(slow[1]).Error
			}, mw.Transaction()),
			mcpecho.Service("write", func(c *mcpecho.Call, _ none) (string, error) {
				c.DB().Exec(reading)
				return "", c.DB().Create(&shelf{Code: "a"}).Error
			}, mw.TransactionWithConfig(mw.TransactionConfig{ReadOnly: true})),
		)
		if slow != nil {
			if f := b.call("slow", `{}`).failure(t); f["type"] != mcpecho.TypeTimeout {
				t.Errorf("%v %s", f, b.log)
			}
		}
		if f := b.call("write", `{}`).failure(t); f["type"] != mcpecho.TypeForbidden || !strings.Contains(fmt.Sprint(f["message"]), "only be read") {
			t.Errorf("%v %s", f, b.log)
		}
	})
}

func TestWhatCodeInTheDatabaseRaisesIsNotInTheLog(t *testing.T) {
	raise := map[string]string{
		"postgres": "DO $$ BEGIN RAISE EXCEPTION 'limit of hunter2 exceeded'%s; END $$",
		"mysql":    "BEGIN NOT ATOMIC SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'limit of hunter2 exceeded'; END",
	}
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		statement := raise[db.Name()]
		if statement == "" {
			t.Skip("SQLite raises texts of the schema")
		}
		more := []string{""}
		if db.Name() == "postgres" {
			more = []string{"", " USING ERRCODE = '23505', CONSTRAINT = 'hunter2', COLUMN = 'hunter2'", " USING ERRCODE = '42P01'"}
		}
		b := setupOn(t, db)
		for i, more := range more {
			raised := func(c *mcpecho.Call) error { return c.DB().Exec(strings.Replace(statement, "%s", more, 1)).Error }
			for name, fail := range map[string]func(c *mcpecho.Call) error{
				"alone":     raised,
				"wrapped":   func(c *mcpecho.Call) error { return fmt.Errorf("shelving: %w", raised(c)) },
				"panicked":  func(c *mcpecho.Call) error { panic(fmt.Errorf("shelving: %w", raised(c))) },
				"made_text": func(c *mcpecho.Call) error { return fmt.Errorf("shelving: %v", raised(c)) },
			} {
				if name == "made_text" && i > 0 {
					continue // nothing tells it from an error of the database
				}
				tool := fmt.Sprint(name, i)
				b.srv.Add(mcpecho.Service(tool, func(c *mcpecho.Call, _ none) (string, error) { return "", fail(c) }))
				b.log.Reset()
				if r := b.call(tool, `{}`); strings.Contains(b.log.String()+r.Body, "hunter2") || !strings.Contains(b.log.String(), "spec="+tool) {
					t.Errorf("%s: %s\n%s", tool, b.log, r.Body)
				}
			}
		}
	})
}

func TestValuesWithQuotesAreTakenOutBeforeATextIsCutAtAQuote(t *testing.T) {
	b := setup(t)
	for name, text := range map[string]string{"as_it_is": "near \"%s\" (SQLSTATE 42601)", "doubled": "bad path: '%s'"} {
		b.srv.Add(mcpecho.Service(name, func(_ *mcpecho.Call, in struct {
			Text string `json:"text"`
		}) (string, error) {
			value := in.Text
			if name == "doubled" {
				value = strings.ReplaceAll(value, "'", "''")
			}
			return "", errors.New(strings.ReplaceAll(text, "%s", value))
		}))
		b.log.Reset()
		b.call(name, `{"text":"hunter2's \"own"}`)
		if log := b.log.String(); strings.Contains(log, "hunter2") || !strings.Contains(log, "spec="+name) {
			t.Error(log)
		}
	}
}

func TestAllValuesOfACallAreTakenOutOfTheLog(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("fail", func(_ *mcpecho.Call, in struct {
		Text []string `json:"text"`
	}) (string, error) {
		return "", fmt.Errorf("no room for %s", in.Text[len(in.Text)-1])
	}))
	for _, n := range []int{1200, 9000} {
		var values []string
		for i := range n {
			values = append(values, fmt.Sprintf(`"hunter2-%d"`, i))
		}
		b.log.Reset()
		b.call("fail", `{"text":[`+strings.Join(values, ",")+`]}`)
		if log := b.log.String(); strings.Contains(log, "hunter2") || !strings.Contains(log, "spec=fail") {
			t.Errorf("%d values: %.500s", n, log)
		}
	}
}

type plainForm struct {
	ID    int64    `json:"id"`
	Names []string `json:"names"`
}

func TestTypesThatAreNoModelsAreNotShownToGORM(t *testing.T) {
	var printed bytes.Buffer
	before := logger.Default
	logger.Default = logger.New(log.New(&printed, "", 0), logger.Config{LogLevel: logger.Info})
	t.Cleanup(func() { logger.Default = before })
	b := setup(t)
	b.srv.Add(mcpecho.Service("fail", func(c *mcpecho.Call, in plainForm) (plainForm, error) {
		return in, gorm.ErrDuplicatedKey
	}))
	b.call("fail", `{"id":1,"names":["a"]}`).failure(t)
	if printed.Len() > 0 {
		t.Error(printed.String())
	}
}

func TestCommittedIsSaidWhateverTheErrorHolds(t *testing.T) {
	b := setup(t)
	for name, err := range map[string]error{
		"tool_says_no":      &mcpecho.ToolError{Message: "m", Data: map[string]any{"committed": false}},
		"tool_no_json":      &mcpecho.ToolError{Message: "m", Data: map[string]any{"f": func() {}}},
		"protocol_says_no":  &mcpecho.Error{Code: 409, Message: "m", Data: map[string]any{"committed": false}},
		"protocol_no_json":  &mcpecho.Error{Code: 409, Message: "m", Data: func() {}},
		"protocol_wrapping": &mcpecho.Error{Code: 409, Message: "m", Data: "more"},
	} {
		b.srv.Add(mcpecho.Service(name, func(c *mcpecho.Call, _ none) (string, error) {
			if err := c.Transaction(nil, func() error { c.SetResult("done"); return nil }); err != nil {
				return "", err
			}
			return "", err
		}))
		if body := strings.ReplaceAll(b.call(name, `{}`).Body, `\"`, `"`); !strings.Contains(body, `"committed":true`) {
			t.Errorf("%s: %s", name, body)
		}
	}
}
