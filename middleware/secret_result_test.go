package middleware_test

import (
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/mcpecho/kit/mcpecho"
	"github.com/mcpecho/kit/mcptest"
	mw "github.com/mcpecho/kit/middleware"
)

// What the types do not show at Add is found when it is encoded.
func TestASecretBehindAnInterfaceIsNeverSent(t *testing.T) {
	type nothing struct{}
	type holder struct {
		Any any `json:"any"`
	}
	secret := account{1, "$2a$hash"}
	srv := mcpecho.New(mcpecho.Config{Name: "t", DB: openDB(t)})
	srv.Add(
		mcpecho.Service("any", func(*mcpecho.Call, nothing) (any, error) { return secret, nil }),
		mcpecho.Service("field", func(*mcpecho.Call, nothing) (holder, error) { return holder{[]*account{&secret}}, nil }),
		mcpecho.Service("unlisted", func(*mcpecho.Call, nothing) (holder, error) { return holder{secret}, nil }, mcpecho.OutputSchema(false)),
		mcpecho.Service("tool_error", func(*mcpecho.Call, nothing) (any, error) {
			return nil, &mcpecho.ToolError{Message: "no", Data: map[string]any{"account": secret}}
		}),
		mcpecho.Service("rpc_error", func(*mcpecho.Call, nothing) (any, error) {
			return nil, &mcpecho.Error{Code: -32000, Message: "no", Data: map[string]any{"account": secret}}
		}),
		mcpecho.Service("log", func(c *mcpecho.Call, _ nothing) (string, error) {
			c.Log(mcpecho.LogError, secret)
			return "done", nil
		}),
	)
	for _, option := range []mcptest.Option{mcptest.Modern(), mcptest.Dated()} {
		c := mcptest.New(t, srv, option, mcptest.WithLogs(mcpecho.LogDebug))
		for _, tool := range []string{"any", "field", "unlisted", "tool_error", "rpc_error", "log"} {
			r := c.Do(tool, nothing{})
			if shown := r.Text + string(r.Structured); strings.Contains(shown, "$2a$") {
				t.Errorf("%s: the secret is sent: %s", tool, shown)
			}
			for _, entry := range r.Logs() {
				if strings.Contains(string(entry.Data), "$2a$") {
					t.Errorf("%s: the secret is in a log message", tool)
				}
			}
			if r.RPCError != nil && strings.Contains(string(r.RPCError.Data), "$2a$") {
				t.Errorf("%s: the secret is in an error: %s", tool, r.RPCError.Data)
			}
		}
	}
}

func TestAPointerThatIsNilIsNoObject(t *testing.T) {
	type row struct {
		ID   int64
		Name string
	}
	db := openDB(t)
	if err := db.AutoMigrate(&row{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Create(&row{1, "b\xffd"}).Error; err != nil {
		t.Fatal(err)
	}
	query := func(c *mcpecho.Call, _ struct{}) (*gorm.DB, error) { return c.DB(), nil }
	none := mw.Serialize(func(row) *row { return nil })
	srv := mcpecho.New(mcpecho.Config{Name: "t", DB: db})
	srv.Add(mcpecho.Retrieve[row]("nil", query, none), mcpecho.Retrieve[row]("nullable", query, none, mcpecho.Nullable()),
		mcpecho.Selector[row]("items", query, none), mcpecho.Selector[row]("rows", query))
	c := mcptest.New(t, srv)
	if r := c.Do("nil", struct{}{}); r.Error == nil || r.Error.Type != mcpecho.TypeInternal {
		t.Errorf("got %s, want an internal error", r.Text)
	}
	for tool, want := range map[string]string{"nullable": "null", "items": "[null]", "rows": `[{"ID":1,"Name":"b�d"}]`} {
		r := c.Do(tool, struct{}{})
		if mcptest.AssertConforms(t, c, tool, r); r.Text != want {
			t.Errorf("%s: got %s, want %s", tool, r.Text, want)
		}
	}
}
