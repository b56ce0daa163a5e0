package hostile_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mcpecho/kit/integration_test/rawhttp"
)

// TestNoReplyReachesAnotherClient lets 200 clients, who number their requests alike, call at the
// same time a tool that takes a while; a quarter of them share one session, the way several windows
// of one user might, with ids of their own.
func TestNoReplyReachesAnotherClient(t *testing.T) {
	const clients, calls = 200, 5
	s := start(t)
	url := s.serve().URL + "/mcp"
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	t.Cleanup(client.CloseIdleConnections)

	post := func(header http.Header, body string) (string, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			return "", err
		}
		r.Header = header
		response, err := client.Do(r)
		if err != nil {
			return "", err
		}
		b, err := io.ReadAll(response.Body)
		return string(b), errors.Join(err, response.Body.Close())
	}
	shared := s.session("/mcp", goodToken("ann"))
	run := func(n int) error {
		token := goodToken(fmt.Sprint("user", n))
		session := ""
		switch n % 4 {
		case 1:
			session = s.session("/mcp", token)
		case 3:
			token, session = goodToken("ann"), shared
		}
		for i := range calls {
			id := fmt.Sprint(i)
			if session == shared {
				id = fmt.Sprintf(`"%d-%d"`, n, i)
			}
			word := fmt.Sprintf("word-%d-%d-", n, i)
			params := fmt.Sprintf(`"name":"say","arguments":{"word":"%s","delay":%d}`, word, rand.IntN(20))
			header, body := rawhttp.Header(token, "tools/call", "say"), `{"jsonrpc":"2.0","id":`+id+`,"method":"tools/call","params":{`+params+`,`+rawhttp.Meta+`}}`
			if session != "" {
				header, body = dated(token, session), `{"jsonrpc":"2.0","id":`+id+`,"method":"tools/call","params":{`+params+`}}`
			}
			reply, err := post(header, body)
			if err != nil {
				return err
			}
			own := strings.Contains(reply, `"structuredContent":{"word":"`+word+`"`) && strings.HasPrefix(reply, `{"jsonrpc":"2.0","id":`+id+`,`)
			if strangers := strings.Contains(strings.ReplaceAll(reply, word, ""), "word-"); !own || strangers {
				return fmt.Errorf("client %d said %q under id %s and got %s", n, word, id, reply)
			}
		}
		return nil
	}
	failures := make([]error, clients)
	var all sync.WaitGroup
	for n := range clients {
		all.Go(func() { failures[n] = run(n) })
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		t.Error(err)
	}
}
