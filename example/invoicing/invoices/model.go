// Package invoices is a small Echo application with a gorm model, whose specs serve agents, REST
// clients and a terminal.
//
//	model.go      the table, its database
//	tools.go      what agents and REST clients may do with it
//	chart.go      a tool that answers with an image
//	export.go     a tool that reports its progress
//	resources.go  what agents and their users may read
//	prompt.go     what users may ask a model to do
//	audit.go      an Echo middleware of the application's own
//	server.go     all of it on one Echo
package invoices

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Invoice is a row of the table invoices and, as it is, what clients see.
type Invoice struct {
	ID          int64     `json:"id" gorm:"primaryKey" doc:"Primary key."`
	Number      string    `json:"number" gorm:"size:32;not null;uniqueIndex" doc:"Unique invoice number."`
	AmountCents int64     `json:"amount_cents" gorm:"not null;check:amount_cents >= 0" doc:"Amount in cents."`
	Sent        bool      `json:"sent" gorm:"not null;default:false" doc:"Whether the customer has been sent the invoice."`
	CreatedAt   time.Time `json:"created_at" gorm:"not null;index" doc:"When the invoice was created."`
}

// Open opens the SQLite database in a file, creates what is missing in it, and gives an empty one
// three invoices to look at.
func Open(path string) (*gorm.DB, error) {
	// WAL lets readers work while one writes; a writer waits its turn for five seconds, and takes
	// it at BEGIN, where waiting cannot end in a deadlock.
	dsn := path + "?_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=on&_txlock=immediate"
	db, err := gorm.Open(sqlite.Open(dsn), &gorm.Config{
		Logger: logger.Discard, // errors are in the log of the server, without values
		// SQLite compares times as text, which is right in one time zone only.
		NowFunc: func() time.Time { return time.Now().UTC() },
	})
	if err != nil {
		return nil, fmt.Errorf("invoices: cannot open %s: %w", path, err)
	}
	if err := errors.Join(db.AutoMigrate(&Invoice{}), seed(db)); err != nil {
		return nil, errors.Join(fmt.Errorf("invoices: cannot prepare %s: %w", path, err), Close(db))
	}
	return db, nil
}

// Close closes the database.
func Close(db *gorm.DB) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return pool.Close()
}

func seed(db *gorm.DB) error {
	return db.Transaction(func(tx *gorm.DB) error {
		var n int64
		if err := tx.Model(&Invoice{}).Count(&n).Error; err != nil || n > 0 {
			return err
		}
		return tx.Create([]Invoice{
			{Number: "A-1", AmountCents: 100},
			{Number: "A-2", AmountCents: 300, Sent: true},
			{Number: "A-3", AmountCents: 200},
		}).Error
	})
}
