package main

import (
	"fmt"
	"io"
	"strings"
	"text/template"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/mcpecho"
)

const tokenLife = 24 * time.Hour

var welcomeText = template.Must(template.New("").Parse(`invoicing: MCP at {{.URL}}/mcp, REST at {{.URL}}/invoices, database {{.DB}}

Tools, resources and prompts, and their chains:
{{.Chains}}
{{if .Sample -}}
JWT_SECRET is not set: these tokens, valid for 24 hours, end with this process.
Read token (invoices:read):
{{.Read}}
Write token (invoices:read invoices:write):
{{.Write}}
{{- else -}}
Tokens are signed with JWT_SECRET (HS256) and need exp and scope: invoices:read, invoices:write.
READ and WRITE below stand for such tokens.
{{- end}}

Ask for the unsent invoices, the largest first:
curl -s {{.URL}}/mcp -H 'Authorization: Bearer {{.Read}}' -H 'Content-Type: application/json' -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' -H 'Mcp-Name: invoices_list' -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"invoices_list","arguments":{"sent":false,"ordering":"-amount_cents"},"_meta":{{.Meta}}}}'

Create an invoice:
curl -s {{.URL}}/mcp -H 'Authorization: Bearer {{.Write}}' -H 'Content-Type: application/json' -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' -H 'Mcp-Name: invoices_create' -d '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"invoices_create","arguments":{"number":"B-1","amount_cents":500},"_meta":{{.Meta}}}}'

The same over REST; {{.URL}}/openapi.json describes it:
curl -s '{{.URL}}/invoices?sent=false&ordering=-amount_cents' -H 'Authorization: Bearer {{.Read}}'
curl -s {{.URL}}/invoices -H 'Authorization: Bearer {{.Write}}' -H 'Content-Type: application/json' -d '{"number":"B-2","amount_cents":500}'

The official inspector, with Node.js 22.19 or newer:
npx -y @modelcontextprotocol/inspector@2 --cli {{.URL}}/mcp --transport http --header "Authorization: Bearer {{.Read}}" --method tools/list
npx -y @modelcontextprotocol/inspector@2 --cli {{.URL}}/mcp --transport http --header "Authorization: Bearer {{.Read}}" --method resources/read --uri invoices://stats
npx -y @modelcontextprotocol/inspector@2 --cli {{.URL}}/mcp --transport http --header "Authorization: Bearer {{.Read}}" --method prompts/get --prompt-name summarise --prompt-args period={{.Month}}
npx -y @modelcontextprotocol/inspector@2 --cli {{.URL}}/mcp --transport http --header "Authorization: Bearer {{.Write}}" --method tools/call --tool-name invoices_mark_sent --tool-arg pk=1
`))

// welcome prints what a newcomer needs. Tokens are only made for a random key: those of an
// operator's key belong to the operator.
func welcome(w io.Writer, url, db string, srv *mcpecho.Server, key []byte, sample bool) error {
	read, write := "READ", "WRITE"
	if sample {
		var err error
		if read, err = sign(key, "reader", invoices.ScopeRead); err != nil {
			return err
		}
		if write, err = sign(key, "writer", invoices.ScopeRead, invoices.ScopeWrite); err != nil {
			return err
		}
	}
	var chains strings.Builder
	srv.Fprint(&chains)
	return welcomeText.Execute(w, map[string]any{
		"URL": url, "DB": db, "Sample": sample, "Read": read, "Write": write, "Chains": chains.String(),
		"Month": time.Now().UTC().Format("2006-01"),
		"Meta":  `{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`,
	})
}

// sign makes a token as the application accepts them.
func sign(key []byte, subject string, scopes ...string) (string, error) {
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": subject, "scope": strings.Join(scopes, " "),
		"iat": now.Unix(), "exp": now.Add(tokenLife).Unix(),
	}).SignedString(key)
	if err != nil {
		return "", fmt.Errorf("cannot sign a token: %w", err)
	}
	return token, nil
}
