package mcpecho

import (
	"database/sql"
	"errors"

	"gorm.io/gorm"
)

// Transaction runs fn in a database transaction: [Call.DB] is the transaction
// meanwhile. It commits when fn returns nil, no middleware inside has reported
// an error another way, and the call has neither run out of time nor lost its
// client; on everything else, a panic included, it rolls back. Inside another
// transaction it is a savepoint.
//
// db is the database to begin on; nil means [Call.DB].
func (c *Call) Transaction(db *gorm.DB, fn func() error, opts ...*sql.TxOptions) error {
	nested := c.tx != nil && db == nil
	if db == nil {
		db = c.DB()
	} else {
		db = db.WithContext(c.Ctx())
	}
	hooks := len(c.afterCommit)
	err := db.Transaction(func(tx *gorm.DB) error {
		defer c.SetDB(tx)()
		if err := fn(); err != nil {
			return err
		}
		if err := c.outcome(); err != nil {
			return err
		}
		return c.Ctx().Err()
	}, opts...)
	if err != nil {
		c.afterCommit = c.afterCommit[:hooks]
		if errors.Is(err, sql.ErrTxDone) && c.Ctx().Err() != nil {
			return c.Ctx().Err()
		}
		return err
	}
	if !nested {
		c.runAfterCommit()
	}
	return nil
}
