// Command nethttp serves MCP beside the handlers of a plain net/http server, with tokens, and ends
// without breaking off a call.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/mcpecho/kit/mcpecho"
	mw "github.com/mcpecho/kit/middleware"
)

type countWords struct {
	Text string `json:"text" validate:"required" doc:"What to count the words of."`
}

type counted struct {
	Words int `json:"words"`
}

// count knows nothing of MCP: the tool and the route use it alike.
func count(_ context.Context, in countWords) (counted, error) {
	return counted{Words: len(strings.Fields(in.Text))}, nil
}

func tools() *mcpecho.Server {
	srv := mcpecho.New(mcpecho.Config{Name: "words", Version: "1.0.0"})
	srv.Use(mw.RateLimit(10))
	srv.Add(mcpecho.Service("words.count", mcpecho.Plain(count), mcpecho.Describe("Count the words of a text."),
		mw.Scopes("words:read"), mcpecho.Annotate(mcpecho.ReadOnly(true))))
	return srv
}

// application routes as every server of net/http does.
func application(srv *mcpecho.Server, key []byte) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /words", func(w http.ResponseWriter, r *http.Request) {
		c, _ := count(r.Context(), countWords{Text: r.FormValue("text")})
		fmt.Fprintln(w, c.Words)
	})
	mux.Handle("/mcp", srv.Handler(mw.Bearer(key)))
	return mux
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	srv := tools()
	web := &http.Server{Addr: "localhost:8080", Handler: application(srv, []byte(os.Getenv("JWT_SECRET"))), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := web.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			log.Fatal(err)
		}
	}()
	<-ctx.Done()
	ending, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := errors.Join(srv.Shutdown(ending), web.Shutdown(ending)); err != nil {
		log.Print(err)
	}
}
