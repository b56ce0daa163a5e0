package hostile_test

import (
	"errors"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

// Vault is a table of which callers see their own rows, and never the secret.
type Vault struct {
	ID     int64  `json:"id" gorm:"primaryKey"`
	Owner  string `json:"owner"`
	Label  string `json:"label"`
	Weight int64  `json:"weight"`
	Secret string `json:"secret"`
}

type vaultRow struct {
	ID     int64  `json:"id"`
	Label  string `json:"label"`
	Weight int64  `json:"weight"`
}

type vaultFilter struct {
	Label    *string  `json:"label"`
	Has      *string  `json:"has" filter:"label,contains"`
	Starts   *string  `json:"starts" filter:"label,startswith"`
	Ends     *string  `json:"ends" filter:"label,iendswith"`
	Among    []string `json:"among" filter:"label,in"`
	NotAmong []int64  `json:"not_among" filter:"weight,notin"`
	Min      *int64   `json:"min" filter:"weight,gte"`
	Unknown  *bool    `json:"unknown" filter:"label,isnull"`
}

// What must not come out.
const (
	rowSecret = "rOwSeCrEt"
	panicText = "nil map at pAnIcSeCrEt"
	errorText = "dial postgres://app:eRrOrSeCrEt@10.0.0.1/app: connection refused"
)

// fillVault gives ann and eve three rows each.
func (s *site) fillVault() {
	s.t.Helper()
	var rows []Vault
	for i, label := range []string{"one", "100%", "th_ee", "one", "two", "three"} {
		rows = append(rows, Vault{Owner: []string{"ann", "eve"}[i/3], Label: label, Weight: int64(i), Secret: rowSecret})
	}
	if err := errors.Join(s.db.AutoMigrate(&Vault{}), s.db.Create(rows).Error); err != nil {
		s.t.Fatal(err)
	}
}

type (
	empty     struct{}
	noteInput struct {
		Title string   `json:"title" validate:"required,max=64"`
		Count int64    `json:"count" validate:"gte=0"`
		Mood  string   `json:"mood,omitzero" validate:"omitempty,oneof=good bad"`
		Tags  []string `json:"tags,omitzero" validate:"max=2,dive,max=8"`
		Mail  string   `json:"mail,omitzero" validate:"omitempty,email"`
		PIN   string   `json:"pin,omitzero" secret:"true" validate:"omitempty,len=4"`
	}
	regionInput struct {
		Region string `json:"region" mcpheader:"Region"`
		Floor  *int64 `json:"floor" mcpheader:"Floor"`
		Dry    *bool  `json:"dry" mcpheader:"Dry"`
	}
	fileInput struct {
		Path string `json:"path"`
	}
	pageInput struct {
		Name string `json:"name" validate:"max=32"`
	}
	pace struct {
		Word  string `json:"word"`
		Delay int64  `json:"delay" validate:"gte=0,lte=50" doc:"Milliseconds."`
	}
	rowKey struct {
		ID int64 `json:"id"`
	}
	ok struct {
		OK bool `json:"ok"`
	}
)

// specs are what the example lacks to be attacked.
func (s *site) specs() []*mcpecho.Spec {
	watched := mcpecho.Before("validate", mcpecho.Named("watch", s.seen.watch))
	anyone := mw.Public("the tests call it")
	vault := func(name string) *mcpecho.Spec {
		return mcpecho.Selector[Vault](name, func(c *mcpecho.Call, _ empty) (*gorm.DB, error) { return c.DB().Model(&Vault{}), nil },
			mcpecho.Describe("List the caller's own rows."), mw.Scopes("vault"), mw.Narrow[Vault](own),
			mw.Filter[vaultFilter](), mw.Order("weight", "label"), mw.PaginateWithConfig(mw.PaginateConfig{Limit: 1, Keyset: true}), mw.As[vaultRow]())
	}
	one := mcpecho.Retrieve[Vault]("vault.get", func(c *mcpecho.Call, in rowKey) (*gorm.DB, error) { return c.DB().Where("id = ?", in.ID), nil },
		mcpecho.Describe("One of the caller's own rows."), mw.Scopes("vault"), mw.Narrow[Vault](own), mw.As[vaultRow]())
	return []*mcpecho.Spec{
		vault("vault.list"), vault("vault.other"),
		mcpecho.Service("note", func(_ *mcpecho.Call, in noteInput) (ok, error) { return ok{in.Title != ""}, nil },
			mcpecho.Describe("Take a note."), anyone, watched),
		mcpecho.Service("danger", func(c *mcpecho.Call, _ empty) (ok, error) {
			err := c.DB().Where("1 = 1").Delete(&Vault{}).Error
			return ok{true}, err
		}, mcpecho.Describe("Delete everything."), anyone, watched, mw.Transaction()),
		mcpecho.Service("region", func(_ *mcpecho.Call, _ regionInput) (ok, error) { return ok{true}, nil },
			mcpecho.Describe("Its arguments are repeated in headers."), anyone, watched),
		mcpecho.Service("panic", func(*mcpecho.Call, empty) (ok, error) { panic(panicText) },
			mcpecho.Describe("Panics."), anyone),
		mcpecho.Service("broken", func(*mcpecho.Call, empty) (ok, error) { return ok{}, errors.New(errorText) },
			mcpecho.Describe("Fails."), anyone),
		mcpecho.Service("wait", func(c *mcpecho.Call, _ empty) (ok, error) { return ok{true}, s.gate.wait(c) },
			mcpecho.Describe("Waits to be let go."), anyone),
		mcpecho.Service("say", say, mcpecho.Describe("Repeats a word after a while."), anyone),
		mcpecho.Resource("files://{+path}", func(c *mcpecho.Call, in fileInput) (string, error) { s.seen.uri(in.Path); return "a file", nil },
			mcpecho.Describe("A path."), anyone),
		mcpecho.Resource("pages://{name}", func(c *mcpecho.Call, in pageInput) (string, error) { s.seen.uri(in.Name); return "a page", nil },
			mcpecho.Describe("A name."), anyone),
		one,
		one.AsResource("vault://{id}", mcpecho.CompleteColumn("id", "id", func(c *mcpecho.Call) *gorm.DB { return c.DB().Model(&Vault{}) })),
		mcpecho.Service("steps", steps, mcpecho.Describe("Reports progress."), anyone),
	}
}

func own(c *mcpecho.Call, db *gorm.DB) *gorm.DB { return db.Where("owner = ?", c.Principal().Subject) }

func say(c *mcpecho.Call, in pace) (pace, error) {
	select {
	case <-time.After(time.Duration(in.Delay) * time.Millisecond):
		return in, nil
	case <-c.Ctx().Done():
		return in, c.Ctx().Err()
	}
}

func steps(c *mcpecho.Call, _ empty) (ok, error) {
	c.Progress(1, 2, "half")
	c.Log(mcpecho.LogInfo, "half")
	return ok{true}, nil
}

// recorder remembers what got as far as a chain.
type recorder struct {
	mu              sync.Mutex
	name, arguments string
	called          bool
	uris            []string
}

func (r *recorder) watch(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		c := mcpecho.CallFrom(ec)
		r.mu.Lock()
		r.name, r.arguments, r.called = c.Name(), string(c.Arguments()), true
		r.mu.Unlock()
		return next(ec)
	}
}

func (r *recorder) uri(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.uris = append(r.uris, s)
}

// take returns what was recorded and forgets it.
func (r *recorder) take() (name, arguments string, called bool, uris []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name, arguments, called, uris = r.name, r.arguments, r.called, r.uris
	r.name, r.arguments, r.called, r.uris = "", "", false, nil
	return name, arguments, called, uris
}

// gate holds calls until they are let go or cancelled.
type gate struct{ arrived, open chan struct{} }

func newGate() *gate { return &gate{make(chan struct{}), make(chan struct{})} }

func (g *gate) wait(c *mcpecho.Call) error {
	select {
	case g.arrived <- struct{}{}:
	case <-c.Ctx().Done():
		return c.Ctx().Err()
	}
	select {
	case <-g.open:
		return nil
	case <-c.Ctx().Done():
		return c.Ctx().Err()
	}
}
