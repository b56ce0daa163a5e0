package mcpecho_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// invoiceStore is a store as many applications have it: with a handle of its own.
type invoiceStore struct{ db *gorm.DB }

func (s *invoiceStore) Create(ctx context.Context, number string) error {
	tx := s.db.WithContext(ctx).Begin()
	defer tx.Rollback()
	if err := tx.Create(&invoice{Number: number}).Error; err != nil {
		return err
	}
	return tx.Commit().Error
}

// A store that holds a *gorm.DB of its own takes part in the transaction of the call: what it has
// committed goes when the call fails.
func ExampleJoinTransactions() {
	db, done := invoiceDB()
	defer done()
	if err := db.Use(mcpecho.JoinTransactions()); err != nil {
		panic(err)
	}
	invoices := &invoiceStore{db}

	srv := mcpecho.New(mcpecho.Config{Name: "billing", DB: db})
	srv.Add(mcpecho.Service("invoices.create", func(c *mcpecho.Call, in createInput) (string, error) {
		if err := invoices.Create(c.Ctx(), in.Number); err != nil {
			return "", err
		}
		if in.Cents == 0 {
			return "", mcpecho.Errorf("an invoice about nothing is not sent")
		}
		return "created", nil
	}, mw.Transaction()))

	client := mcptest.New(inExample(), srv)
	fmt.Println(client.Do("invoices.create", createInput{Number: "A-1", Cents: 100}).Text)
	fmt.Println(client.Do("invoices.create", createInput{Number: "A-2"}).Error)
	var n int64
	db.Model(&invoice{}).Count(&n)
	fmt.Println("invoices:", n)
	// Output:
	// created
	// error: an invoice about nothing is not sent
	// invoices: 1
}

// Without the plugin a store is made of the transaction itself. Its Begin is a savepoint.
func ExampleCall_DB() {
	db, done := invoiceDB()
	defer done()
	srv := mcpecho.New(mcpecho.Config{Name: "billing", DB: db})
	srv.Add(mcpecho.Service("invoices.create", func(c *mcpecho.Call, in createInput) (string, error) {
		invoices := &invoiceStore{c.DB()}
		if err := invoices.Create(c.Ctx(), in.Number); err != nil {
			return "", err
		}
		c.AfterCommit(func(context.Context) { fmt.Println("mail:", in.Number) })
		if in.Cents == 0 {
			return "", errors.New("the printer is on fire")
		}
		return "created", nil
	}, mw.Transaction()))

	client := mcptest.New(inExample(), srv)
	fmt.Println(client.Do("invoices.create", createInput{Number: "A-1", Cents: 100}).Text)
	fmt.Println(client.Do("invoices.create", createInput{Number: "A-2"}).IsError)
	var n int64
	db.Model(&invoice{}).Count(&n)
	fmt.Println("invoices:", n)
	// Output:
	// mail: A-1
	// created
	// true
	// invoices: 1
}

func invoiceDB() (db *gorm.DB, done func()) {
	dir, err := os.MkdirTemp("", "invoices")
	if err != nil {
		panic(err)
	}
	db, err = gorm.Open(sqlite.Open(filepath.Join(dir, "invoices.db")+"?_txlock=immediate&_busy_timeout=5000"), &gorm.Config{Logger: logger.Discard})
	if err != nil || db.AutoMigrate(&invoice{}) != nil {
		panic("cannot open invoices.db")
	}
	return db, func() {
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
		_ = os.RemoveAll(dir)
	}
}
