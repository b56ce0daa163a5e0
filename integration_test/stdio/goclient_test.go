package stdio_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpecho/kit/integration_test/wait"
)

// protocols are the versions that the official client is asked to speak, one for each wire.
var protocols = []string{"2026-07-28", "2025-11-25"}

func onBothWires(t *testing.T, test func(t *testing.T, protocol string)) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) { test(t, protocol) })
	}
}

func text(t *testing.T, session *mcp.ClientSession, tool string, arguments map[string]any) string {
	t.Helper()
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	return result.Content[0].(*mcp.TextContent).Text
}

func TestOfficialClientUsesEverythingOverStandardStreams(t *testing.T) {
	onBothWires(t, func(t *testing.T, protocol string) {
		p, session := connect(t, protocol, nil)
		tools, err := session.ListTools(t.Context(), nil)
		if err != nil || len(tools.Tools) < 5 {
			t.Fatal(tools, err)
		}
		if got := text(t, session, "invoices_create", map[string]any{"number": "B-1", "amount_cents": 5}); !strings.Contains(got, `"number":"B-1"`) {
			t.Error(got)
		}
		if got := text(t, session, "invoices_create", map[string]any{"number": "", "amount_cents": "x"}); !strings.Contains(got, "validation_error") {
			t.Error(got)
		}
		if _, err := session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "invoices://stats"}); err != nil {
			t.Error(err)
		}
		prompts, err := session.ListPrompts(t.Context(), nil)
		if err != nil || len(prompts.Prompts) == 0 {
			t.Error(prompts, err)
		}
		if err := session.Close(); err != nil { // waits for the exit, whose status must be 0
			t.Errorf("%v\n%s", err, &p.stderr)
		}
		if n := p.rows(t, "B-1"); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestOfficialClientSeesProgressOverStandardStreams(t *testing.T) {
	onBothWires(t, func(t *testing.T, protocol string) {
		reports := make(chan *mcp.ProgressNotificationParams, 10)
		_, session := connect(t, protocol, &mcp.ClientOptions{
			ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { reports <- r.Params },
		})
		call := &mcp.CallToolParams{Name: "invoices_export", Arguments: map[string]any{}}
		call.SetProgressToken("export-1")
		if _, err := session.CallTool(t.Context(), call); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"0 of 3 counted", "3 of 3 written"} {
			if r := wait.For(t, want, reports); fmt.Sprintf("%v of %v %s", r.Progress, r.Total, r.Message) != want || r.ProgressToken != "export-1" {
				t.Errorf("%+v, want %s", r, want)
			}
		}
	})
}

func TestOfficialClientCancelsOverStandardStreams(t *testing.T) {
	onBothWires(t, func(t *testing.T, protocol string) {
		p, session := connect(t, protocol, nil)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "wait", Arguments: map[string]any{}})
			failed <- err
		}()
		wait.Until(t, "the call", p.said("waiting"))
		if got := text(t, session, "invoices_list", nil); !strings.Contains(got, `"A-1"`) { // beside it
			t.Error(got)
		}
		cancel()
		if err := wait.For(t, "the client", failed); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		wait.Until(t, "the end of the call", p.said("waited"))
		if got := text(t, session, "invoices_list", nil); !strings.Contains(got, `"A-1"`) {
			t.Error(got)
		}
		if err := session.Close(); err != nil {
			t.Error(err)
		}
		if n := p.rows(t, "W-1"); n != 0 {
			t.Errorf("%d rows of a cancelled call", n)
		}
	})
}

func TestManyCallsOfTheOfficialClientOverStandardStreams(t *testing.T) {
	onBothWires(t, func(t *testing.T, protocol string) {
		_, session := connect(t, protocol, nil)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "invoices_list", Arguments: map[string]any{}})
				if err != nil || result.IsError {
					t.Errorf("%+v, %v", result, err)
				}
			})
		}
		all.Wait()
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A client that closes the input in the middle of a call waits for the exit: it comes within what
// clients wait before they kill, with status 0, and the call is undone.
func TestTheInputEndsInTheMiddleOfACall(t *testing.T) {
	p, in, _ := open(t)
	if _, err := io.WriteString(in, call(1, "wait")); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the call", p.said("waiting"))
	began := time.Now()
	_ = in.Close()
	if err := p.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &p.stderr)
	}
	if took := time.Since(began); took > 5*time.Second { // then the official client sends SIGTERM
		t.Errorf("the exit took %s", took)
	}
	if !p.said("waited")() || !p.said("served")() {
		t.Error(&p.stderr)
	}
	if n := p.rows(t, "W-1"); n != 0 {
		t.Errorf("%d rows", n)
	}
}

const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

func call(id int, tool string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,%s}}`+"\n", id, tool, meta)
}

// open starts the server with pipes.
func open(t *testing.T) (p *process, in io.WriteCloser, out io.ReadCloser) {
	t.Helper()
	p = command(t)
	in, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if out, err = p.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	return p, in, out
}

// The process reads its input, which nothing can interrupt, and ends all the same.
func TestASignalEndsTheProcessInTheMiddleOfACall(t *testing.T) {
	p, in, _ := open(t)
	if _, err := io.WriteString(in, call(1, "wait")); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the call", p.said("waiting"))
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil || !p.said("waited")() {
		t.Errorf("%v\n%s", err, &p.stderr)
	}
}

// The runtime would end the process by SIGPIPE, whatever else runs in it.
func TestAClientThatClosesTheOutput(t *testing.T) {
	p, in, out := open(t)
	if _, err := io.WriteString(in, call(1, "wait")); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the call", p.said("waiting"))
	_ = out.Close()
	if _, err := io.WriteString(in, call(2, "invoices_list")); err != nil {
		t.Fatal(err)
	}
	err := p.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 || !p.said("waited")() || !p.said("broken pipe")() {
		t.Errorf("%v\n%s", err, &p.stderr)
	}
}

// Logs, those of gorm and Echo included, go elsewhere.
func TestOnlyMessagesAreOnStandardOutput(t *testing.T) {
	p, in, out := open(t)
	if _, err := io.WriteString(in, "no message\n"+call(1, "invoices_list")+call(2, "invoices_get")+call(3, "unknown")); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	n := 0
	for lines := bufio.NewScanner(out); lines.Scan(); n++ {
		if !strings.HasPrefix(lines.Text(), `{"jsonrpc":"2.0",`) {
			t.Errorf("%s", lines.Text())
		}
	}
	if n != 4 {
		t.Errorf("%d lines", n)
	}
	if err := p.Wait(); err != nil || !p.said("refused")() {
		t.Errorf("%v\n%s", err, &p.stderr)
	}
}
