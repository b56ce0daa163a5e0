package hostile_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcpecho/kit/example/invoicing/invoices"
	"github.com/mcpecho/kit/integration_test/rawhttp"
)

var update = flag.Bool("update", false, "write the answers that the attacks get into testdata/*.golden")

// groups are the attacks, each group with a golden file of its name.
var groups = []struct {
	name    string
	attacks []attack
}{
	{"json", jsonAttacks}, {"identifiers", idAttacks}, {"arguments", argumentAttacks},
	{"headers", headerAttacks}, {"versions", versionAttacks}, {"parameters", parameterAttacks},
	{"origins", originAttacks}, {"methods", methodAttacks}, {"tokens", tokenAttacks},
	{"sizes", sizeAttacks}, {"encodings", encodingAttacks}, {"uris", uriAttacks},
	{"cursors", cursorAttacks}, {"sessions", sessionAttacks}, {"streams", streamAttacks}, {"connections", connectionAttacks},
}

// TestHostileRequestsGetTheirExactAnswers compares status, headers and body of every answer with
// the golden files, so that no default loosens unnoticed: go test -run Hostile -update rewrites
// them, for a reviewer of the difference.
func TestHostileRequestsGetTheirExactAnswers(t *testing.T) {
	s := start(t)
	server := s.serve()
	vars := s.vars()
	before := s.rows()
	count := 0
	for _, g := range groups {
		count += len(g.attacks)
		t.Run(g.name, func(t *testing.T) {
			file := filepath.Join("testdata", g.name+".golden")
			known := readGolden(t, file)
			got := map[string]string{}
			for _, a := range g.attacks {
				t.Run(a.name, func(t *testing.T) {
					entry := trimLines("> " + strings.ReplaceAll(a.text(), "\n", "\n> ") + "\n" +
						"< " + strings.ReplaceAll(a.run(t, s, server.Listener.Addr(), vars), "\n", "\n< "))
					if !*update && known[a.name] != entry {
						t.Errorf("got\n%s\n\nwant\n%s", entry, known[a.name])
					}
					got[a.name] = entry
				})
				delete(known, a.name)
				if after := s.rows(); after != before {
					t.Fatalf("%s: the database has changed from %v to %v", a.name, before, after)
				}
			}
			if *update {
				writeGolden(t, file, g.attacks, got)
				return
			}
			for name := range known {
				t.Errorf("%s has %q, which is no attack", file, name)
			}
		})
	}
	if count < 80 {
		t.Errorf("only %d attacks", count)
	}
}

func writeGolden(t *testing.T, file string, attacks []attack, got map[string]string) {
	t.Helper()
	if len(got) != len(attacks) {
		t.Fatalf("%d answers to %d attacks: -update needs all of a group, each with a name of its own", len(got), len(attacks))
	}
	var b strings.Builder
	for _, a := range attacks {
		b.WriteString("## " + a.name + "\n" + got[a.name] + "\n\n")
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readGolden(t *testing.T, file string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	known := map[string]string{}
	for section := range strings.SplitSeq(string(b), "## ") {
		name, entry, _ := strings.Cut(section, "\n")
		if name != "" {
			known[name] = strings.TrimRight(entry, "\n")
		}
	}
	return known
}

// trimLines takes trailing spaces away, which editors would.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// counts are how many rows there are, and how heavy they are together.
type counts struct{ invoices, vault, weight int64 }

func (s *site) rows() (c counts) {
	s.t.Helper()
	err := s.db.Raw(`SELECT (SELECT COUNT(*) FROM invoices), (SELECT COUNT(*) FROM vaults), (SELECT SUM(weight) FROM vaults)`).
		Row().Scan(&c.invoices, &c.vault, &c.weight)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// vars are what templates name: tokens, good and bad, handles of two callers, and parts of
// messages.
func (s *site) vars() map[string]string {
	bad := func(change ...func(jwt.MapClaims)) string {
		return sign(hs256, key, claims("ann", allScopes, change...))
	}
	ann := goodToken("ann")
	parts := strings.Split(ann, ".")
	vars := map[string]string{
		"meta": rawhttp.Meta, "ann": ann, "eve": goodToken("eve"), "reader": sign(hs256, key, claims("rea", invoices.ScopeRead)),
		"alg none":            sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims("ann", allScopes)),
		"alg HS512":           sign(jwt.SigningMethodHS512, key, claims("ann", allScopes)),
		"alg RS256":           sign(jwt.SigningMethodRS256, rsaKey(), claims("ann", allScopes)),
		"HS256 by public key": sign(hs256, rsaPublicPEM(), claims("ann", allScopes)),
		"HS256 by empty key":  sign(hs256, []byte{}, claims("ann", allScopes)),
		"another key":         sign(hs256, []byte(strings.Repeat("x", 32)), claims("ann", allScopes)),
		"no exp":              bad(without("exp")), "exp text": bad(set("exp", "tomorrow")), "expired": bad(set("exp", 1)),
		"nbf later": bad(set("nbf", 4e9)), "iat later": bad(set("iat", 4e9)),
		"no iss": bad(without("iss")), "iss of another": bad(set("iss", "https://evil.example")), "iss longer": bad(set("iss", issuer+".evil.example")),
		"no aud": bad(without("aud")), "aud of another": bad(set("aud", "https://mcp.example/other")), "aud of parent": bad(set("aud", "https://mcp.example")),
		"aud longer": bad(set("aud", resource+"/x")), "aud list of others": bad(set("aud", []string{"a", "b"})), "aud number": bad(set("aud", 7)),
		"scope number": bad(set("scope", 7)), "scope of none": bad(without("scope")),
		"head": parts[0], "payload": parts[1], "signature": parts[2],
		"payload of eve":       strings.Split(goodToken("eve"), ".")[1],
		"session of ann":       s.session("/mcp", ann),
		"session of ann ended": s.session("/mcp", ann),
		"session of eve":       s.session("/mcp", goodToken("eve")),
	}
	s.do("DELETE", "/mcp", dated(ann, vars["session of ann ended"]), "")
	vars["cursor of ann"] = s.cursor(ann, "vault_list", `{}`)
	vars["cursor of eve"] = s.cursor(vars["eve"], "vault_list", `{}`)
	vars["cursor of another tool"] = s.cursor(ann, "vault_other", `{}`)
	vars["cursor of another order"] = s.cursor(ann, "vault_list", `{"ordering":"-weight"}`)
	vars["cursor of another filter"] = s.cursor(ann, "vault_list", `{"min":0}`)
	return vars
}

// cursor is where a list of one row on a page continues.
func (s *site) cursor(token, tool, arguments string) string {
	s.t.Helper()
	w := s.call(token, tool, arguments)
	_, rest, _ := strings.Cut(w.Body.String(), `"structuredContent":`)
	_, rest, _ = strings.Cut(rest, `"nextCursor":"`)
	cursor, _, found := strings.Cut(rest, `"`)
	if !found {
		s.t.Fatalf("no cursor in %s", w.Body)
	}
	return cursor
}
