package middleware_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

func deadline(c *mcpecho.Call, _ nothing) (int64, error) {
	at, _ := c.Ctx().Deadline()
	return int64(time.Until(at).Round(time.Minute).Minutes()), nil
}

func TestTimeoutShortensAndNeverLengthens(t *testing.T) {
	srv := newServer(nil, func(cfg *mcpecho.Config) { cfg.CallTimeout = 10 * time.Minute })
	srv.Use(mw.Timeout(7 * time.Minute))
	srv.Add(
		mcpecho.Service("inherited", deadline),
		mcpecho.Service("closest", deadline, mw.Timeout(8*time.Minute)),
		mcpecho.Service("longer", deadline, mw.Timeout(time.Hour)),
		mcpecho.Service("skipped", deadline, mw.TimeoutWithConfig(mw.TimeoutConfig{
			Timeout: time.Minute, Skipper: func(echo.Context) bool { return true },
		})))
	c := mcptest.New(t, srv)
	for name, want := range map[string]int64{"inherited": 7, "closest": 8, "longer": 10, "skipped": 10} {
		equal(t, name, mcptest.Call[int64](c, name, nil), want)
	}
	chain, _ := srv.Chain("closest")
	equal(t, "chain", chain.String(), "timeout → validate → handle → serialize")
}

func TestTimeoutIsUndoneAfterTheChain(t *testing.T) {
	srv := newServer(nil)
	var restored bool
	srv.Add(mcpecho.Service("tool", ok, mw.Timeout(time.Minute),
		mcpecho.Before("timeout", mcpecho.Named("look", func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(ec echo.Context) error {
				before := ec.Request()
				err := next(ec)
				restored = ec.Request() == before && ec.Request().Context().Err() == nil
				return err
			}
		}))))
	mcptest.New(t, srv).Do("tool", nil)
	equal(t, "restored", restored, true)
}

func TestTimeoutCancelsTheStatementThatIsRunning(t *testing.T) {
	srv := newServer(openDB(t))
	srv.Add(mcpecho.Service("slow", func(c *mcpecho.Call, _ nothing) (int64, error) {
		var n int64
		// A row at a time, because go-sqlite3 loses an interrupt that comes before the first step.
		err := c.DB().Raw("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n").Scan(&n).Error
		return n, err
	}, mw.Timeout(50*time.Millisecond)))
	r := mcptest.New(t, srv).Do("slow", nil)
	if r.Error == nil || r.Error.Type != mcpecho.TypeTimeout {
		t.Errorf("not a timeout: %s", r.Body)
	}
}

func TestTimeoutIsReportedWhateverTheDriverCallsIt(t *testing.T) {
	srv := newServer(nil)
	for name, err := range map[string]error{"driver": errors.New("interrupted"), "rule": mcpecho.Errorf("no such customer")} {
		srv.Add(mcpecho.Service(name, func(c *mcpecho.Call, _ nothing) (string, error) {
			<-c.Ctx().Done()
			return "", err
		}, mw.Timeout(10*time.Millisecond)))
	}
	c := mcptest.New(t, srv)
	equal(t, "driver", c.Do("driver", nil).Error.Type, mcpecho.TypeTimeout)
	equal(t, "rule", c.Do("rule", nil).Error.Message, "no such customer")
}

func TestTimeoutEndsTheRetriesOfATransaction(t *testing.T) {
	db := openDB(t)
	srv := newServer(db)
	attempts := 0
	srv.Add(mcpecho.Service("busy", func(c *mcpecho.Call, _ nothing) (bool, error) {
		attempts++
		if err := c.DB().Create(&Invoice{Number: fmt.Sprint("B-", attempts)}).Error; err != nil {
			return false, err
		}
		return false, errors.New("database is locked")
	}, mcpecho.Annotate(mcpecho.Idempotent(true)), mw.Timeout(300*time.Millisecond), mw.TransactionWithConfig(mw.TransactionConfig{Retries: 10})))
	r := mcptest.New(t, srv).Do("busy", nil)
	if r.Error == nil || r.Error.Type != mcpecho.TypeTimeout {
		t.Errorf("not a timeout: %s", r.Body)
	}
	if attempts < 2 || attempts == 11 {
		t.Errorf("%d attempts in 300 ms; the pauses between 11 take about 5 s", attempts)
	}
	equal(t, "rows", count(t, db), 3)
	began := attempts
	equal(t, "the next call has its own deadline", mcptest.New(t, srv).Do("busy", nil).IsError, true)
	if attempts == began {
		t.Error("the next call made no attempt")
	}
}
