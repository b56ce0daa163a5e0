package mcpecho_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
)

func TestEveryOperationWithoutADatabaseFailsWithASentence(t *testing.T) {
	var one widget
	var many []widget
	var n int64
	for name, operation := range map[string]func(db *gorm.DB) error{
		"First": func(db *gorm.DB) error { return db.First(&one).Error },
		"Take":  func(db *gorm.DB) error { return db.Where("id = ?", 1).Take(&one).Error },
		"Find":  func(db *gorm.DB) error { return db.Where(&widget{Name: "a"}).Order("id").Find(&many).Error },
		"FindInBatches": func(db *gorm.DB) error {
			return db.FindInBatches(&many, 2, func(*gorm.DB, int) error { return nil }).Error
		},
		"Count":         func(db *gorm.DB) error { return db.Model(&widget{}).Count(&n).Error },
		"Pluck":         func(db *gorm.DB) error { return db.Model(&widget{}).Pluck("id", &many).Error },
		"Create":        func(db *gorm.DB) error { return db.Create(&widget{Name: "a"}).Error },
		"Save":          func(db *gorm.DB) error { return db.Save(&widget{ID: 1}).Error },
		"FirstOrCreate": func(db *gorm.DB) error { return db.FirstOrCreate(&one, widget{Name: "a"}).Error },
		"Update":        func(db *gorm.DB) error { return db.Model(&widget{ID: 1}).Update("size", 2).Error },
		"Updates":       func(db *gorm.DB) error { return db.Model(&widget{ID: 1}).Updates(widget{Size: 2}).Error },
		"Delete":        func(db *gorm.DB) error { return db.Delete(&widget{ID: 1}).Error },
		"Exec":          func(db *gorm.DB) error { return db.Exec("SELECT 1").Error },
		"Raw":           func(db *gorm.DB) error { return db.Raw("SELECT 1").Scan(&n).Error },
		"Row":           func(db *gorm.DB) error { return db.Raw("SELECT 1").Row().Scan(&n) },
		"Rows": func(db *gorm.DB) error {
			rows, err := db.Model(&widget{}).Rows()
			if err == nil {
				return errors.Join(rows.Err(), rows.Close())
			}
			return err
		},
		"Transaction":      func(db *gorm.DB) error { return db.Transaction(func(*gorm.DB) error { return nil }) },
		"Begin":            func(db *gorm.DB) error { return db.Begin().Error },
		"Connection":       func(db *gorm.DB) error { return db.Connection(func(*gorm.DB) error { return nil }) },
		"DB":               func(db *gorm.DB) error { _, err := db.DB(); return err },
		"AutoMigrate":      func(db *gorm.DB) error { return db.AutoMigrate(&widget{}) },
		"prepared session": func(db *gorm.DB) error { return db.Session(&gorm.Session{PrepareStmt: true}).First(&one).Error },
	} {
		t.Run(name, func(t *testing.T) {
			if err := operation(mcpecho.DB(context.Background())); err == nil || !strings.Contains(err.Error(), "mcpecho: no database: set Config.DB") {
				t.Errorf("outside of a call: %v", err)
			}
			b := setup(t, func(c *mcpecho.Config) { c.DB = nil })
			b.srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ none) (string, error) { return "", operation(c.DB()) }))
			if f := b.call("do", `{}`).failure(t); f["type"] != mcpecho.TypeInternal {
				t.Error(f)
			}
			if log := b.log.String(); !strings.Contains(log, "no database: set Config.DB") || strings.Contains(log, "panic") {
				t.Error(log)
			}
		})
	}
}

func TestTheLogExplainsWhatGormCallsAnInvalidTransaction(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ none) (string, error) { return "", c.DB().Commit().Error }))
	b.call("do", `{}`).failure(t)
	if log := b.log.String(); !strings.Contains(log, "hint=") || !strings.Contains(log, "use db.Transaction") {
		t.Error(log)
	}
}

func TestTheLogExplainsAStoreThatWaitsForTheTransactionOfItsCall(t *testing.T) {
	for name, connections := range map[string]int{"the lock": 0, "the only connection": 1} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(c *mcpecho.Config) { c.CallTimeout = 500e6 })
			pool, err := b.db.DB()
			if err != nil {
				t.Fatal(err)
			}
			pool.SetMaxOpenConns(connections)
			b.db.Exec("PRAGMA busy_timeout = 100")
			b.srv.Add(mcpecho.Service("do", func(c *mcpecho.Call, _ none) (string, error) {
				if err := c.DB().Create(&widget{Name: "mine"}).Error; err != nil {
					return "", err
				}
				own := b.db.WithContext(c.Ctx())
				return "", own.Connection(func(tx *gorm.DB) error {
					return errors.Join(tx.Exec("PRAGMA busy_timeout = 100").Error, tx.Create(&widget{Name: "store"}).Error)
				})
			}, transaction()))
			b.call("do", `{}`).failure(t)
			if log := b.log.String(); !strings.Contains(log, "a store that holds a *gorm.DB of its own waits for it") {
				t.Error(log)
			}
		})
	}
}

func TestADatabaseThatIsSetInsideOfATransactionOnItJoinsTheTransaction(t *testing.T) {
	b := setup(t)
	tenant := b.db.Session(&gorm.Session{})
	b.srv.Use(mcpecho.Named("tenant", mcpecho.Func(func(c *mcpecho.Call, ec echo.Context, next echo.HandlerFunc) error {
		defer c.SetDB(tenant)()
		return next(ec)
	})))
	type input = struct {
		Name string `json:"name" validate:"required"`
	}
	seq := mcpecho.NewSequence[input]("both")
	same := func(_ *mcpecho.Call, in input) input { return in }
	mcpecho.Then[widget](seq, mcpecho.Service("insert", insert), same)
	last := mcpecho.Then[widget](seq, mcpecho.Service("fail", func(*mcpecho.Call, input) (widget, error) {
		return widget{}, mcpecho.Errorf("not today")
	}), same)
	b.srv.Add(mcpecho.Finish(seq, last, transaction()))
	if f := b.call("both", `{"name":"x"}`).failure(t); f["type"] != mcpecho.TypeError || f["committed"] != nil {
		t.Error(f)
	}
	if n := b.count(); n != 0 {
		t.Errorf("%d rows stay of a sequence whose transaction was rolled back", n)
	}
}
