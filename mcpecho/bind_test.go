package mcpecho_test

import (
	"strings"
	"testing"

	"github.com/mcpecho/kit/mcpecho"
)

func TestBindInAServiceSaysWhereTheArgumentsAre(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("bind", func(c *mcpecho.Call, _ byPK) (string, error) {
		var in byPK
		return "", c.Bind(&in)
	}))
	if f := b.call("bind", `{"pk":1}`).failure(t); f["type"] != mcpecho.TypeInternal {
		t.Error(f)
	}
	if log := b.log.String(); !strings.Contains(log, "input struct") {
		t.Errorf("log: %s", log)
	}
}
