package mcpecho

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/go-playground/validator/v10"
	"github.com/labstack/echo/v4"
	"gorm.io/gorm"

	"github.com/mcpecho/kit/store"
)

// Config configures a [Server]. Only Name is required.
type Config struct {
	// Name identifies the server to clients. Required.
	Name string
	// Version of the server, for display. Default: "0.0.0".
	Version string
	// Title is the human-readable name. Optional.
	Title string
	// Instructions tell a model how to use the server as a whole. Optional.
	Instructions string
	// WebsiteURL and Icons are shown by clients. Optional.
	WebsiteURL string
	Icons      []Icon

	// DB is the database of calls, [Call.DB]. Optional: a server without selectors may have none.
	DB *gorm.DB
	// Logger gets refusals, and errors with the details that clients do not see. Tokens and
	// argument values are never logged. Default: slog.Default().
	Logger *slog.Logger

	// Echo is the application's own, for calls that come in by none, as those of [Server.Handler]
	// do: what existing handlers and middlewares find in it holds there too, its Binder, Validator,
	// Renderer, IPExtractor and HTTPErrorHandler. Its routes and middlewares are not used. Default:
	// a plain one.
	Echo *echo.Echo

	// Origins are the web origins, as "https://app.example.com", whose pages may call the server
	// from a browser. Requests without an Origin header are not from a browser page and pass,
	// unless Sec-Fetch-Site says cross-site. Default: none, except a loopback origin equal to the
	// request's own Host. (specification 2026-07-28, basic/transports/streamable-http, section
	// Security & Endpoint)
	Origins []string
	// Hosts, if set, are the only values of the Host header that are served, as "api.example.com"
	// or "localhost:8080". Default: any, because a proxy on the same machine may legitimately
	// rewrite it.
	Hosts []string

	// Strict makes Mount and Add panic about what [Server.Check] finds, instead of logging it.
	// Default: false.
	Strict bool

	// MaxInFlight bounds the messages being served, open streams included, and apart from them the
	// bodies being read. One principal, or one network of anonymous callers, holds at most a
	// quarter of either, and all anonymous callers half. More are refused with status 503. Behind a
	// proxy set [echo.Echo.IPExtractor], or all anonymous callers are one network. Default: 1000.
	MaxInFlight int
	// BodyTimeout bounds the time that a client may take to send a body; a slower one is answered
	// with status 408. It counts from where the request reaches the mount, authentication included.
	// A ReadTimeout of the http.Server goes on to hold. Default: 10 s.
	BodyTimeout time.Duration
	// ReplyTimeout bounds the time that a client may take to read a reply or an event, and a second
	// more for each 64 KiB of a reply; the connection of a slower one is broken. An event takes 0.1
	// s longer than its call at most. Where the http.Server has a WriteTimeout, that one bounds
	// replies instead. Default: 10 s.
	ReplyTimeout time.Duration
	// MaxBodyBytes bounds a request body, before and after decompression. Default: 1 MiB.
	MaxBodyBytes int64
	// MaxResultBytes bounds the JSON of a result. A larger one is an error of type
	// result_too_large, never cut. Default: 1 MiB.
	MaxResultBytes int
	// MaxRows bounds a list without a paginate step; with more rows the call fails and says how to
	// narrow it. Default: 1000.
	MaxRows int
	// CallTimeout is the deadline of one call. It cancels the SQL statement that is running.
	// Default: 30 s.
	CallTimeout time.Duration
	// CommitTimeout is how long a call waits for the answer to COMMIT, which the deadline of the
	// call does not reach. After it the outcome is unknown, an error of type unknown_outcome.
	// Default: 10 s.
	CommitTimeout time.Duration

	// ToolNames says how clients see the names of tools and prompts. Go code, logs and limits use
	// the name as written. Default: [NamesPortable], letters that every client and model takes.
	ToolNames ToolNames

	// Validator checks the arguments of every spec, so that rules and aliases that the application
	// has registered with it can stand in validate tags. Register them before Add; a rule sees the
	// value of its field alone. Default: the rules of go-playground/validator.
	Validator *validator.Validate

	// OutputFormat is the form of the text block of tool results. Default: [FormatJSON]. [Format]
	// sets it for one spec.
	OutputFormat OutputFormat
	// NoStructuredContent and NoOutputSchema turn these parts of tools off for the whole server;
	// [StructuredContent] and [OutputSchema] do it for one spec. Without structured content there
	// is no output schema.
	NoStructuredContent, NoOutputSchema bool

	// SecuritySchemes are the ways in which REST clients authenticate, as [Server.OpenAPI] tells
	// them: each is a Security Scheme Object of OpenAPI under its name, as
	// {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}, and one of them is enough.
	// They describe what is given to MountREST and change nothing there. An empty map tells of
	// none. Default: "bearer", a JWT in the Authorization header.
	SecuritySchemes map[string]any

	// HideForbidden makes what a caller may not call unknown to it: lists leave it out, and a call,
	// read, subscription or completion of it is answered as of a name that does not exist, without
	// a challenge; the log has the reason. Clients can then not ask for more scopes. Lists are
	// private to each caller; each asks the permission steps of all entries, so rate limits of
	// [Server.Use] count a list like a call. Default: everybody sees everything.
	HideForbidden bool
	// ListPageSize is the number of entries on one page of a list. Many clients read only the first
	// page. Default: 1000.
	ListPageSize int
	// ListTTL is how long clients may reuse a list before they ask again, the ttlMs of modern
	// results. Default: 60 s.
	ListTTL time.Duration

	// Sessions keeps the sessions of dated clients. Default: in memory, idle 30 min, never used 1
	// min, absolute 24 h, at most 100 per named caller and 10,000 in total, half of them anonymous;
	// who has most makes room first.
	Sessions store.Sessions
	// Keys are the 32-byte keys that seal cursors: the first seals, all open, so a new key is put
	// in front and the old one removed a while later. Replicas must share them. Default: one random
	// key of this process.
	Keys [][]byte
}

// withDefaults fills what was left zero.
func (cfg Config) withDefaults() Config {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&cfg.MaxResultBytes, 1<<20)
	set(&cfg.MaxRows, 1000)
	set(&cfg.MaxInFlight, 1000)
	set(&cfg.ListPageSize, 1000)
	if cfg.MaxBodyBytes == 0 {
		cfg.MaxBodyBytes = 1 << 20
	}
	if cfg.CallTimeout == 0 {
		cfg.CallTimeout = 30 * time.Second
	}
	if cfg.CommitTimeout == 0 {
		cfg.CommitTimeout = 10 * time.Second
	}
	if cfg.BodyTimeout == 0 {
		cfg.BodyTimeout = 10 * time.Second
	}
	if cfg.ReplyTimeout == 0 {
		cfg.ReplyTimeout = 10 * time.Second
	}
	if cfg.ListTTL == 0 {
		cfg.ListTTL = time.Minute
	}
	if cfg.Version == "" {
		cfg.Version = "0.0.0"
	}
	if cfg.OutputFormat == "" {
		cfg.OutputFormat = FormatJSON
	}
	if cfg.Echo == nil {
		cfg.Echo = echo.New()
		cfg.Echo.Logger.SetOutput(os.Stderr) // standard output may be a door
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Sessions == nil {
		cfg.Sessions = store.NewMemorySessions(store.MemorySessionsConfig{})
	}
	return cfg
}

func (cfg Config) check() error {
	switch {
	case cfg.Name == "":
		return errors.New("mcpecho: Config.Name is required")
	case cfg.MaxBodyBytes < 0, cfg.MaxResultBytes < 0, cfg.MaxRows < 0, cfg.MaxInFlight < 0, cfg.CallTimeout < 0, cfg.CommitTimeout < 0, cfg.BodyTimeout < 0, cfg.ReplyTimeout < 0, cfg.ListPageSize < 0, cfg.ListTTL < 0:
		return errors.New("mcpecho: a limit in Config is negative: leave it 0 for its default")
	}
	if cfg.ToolNames > NamesAsWritten {
		return fmt.Errorf("mcpecho: Config.ToolNames %d must be NamesPortable or NamesAsWritten", cfg.ToolNames)
	}
	if f := cfg.OutputFormat; f != "" && !f.valid() {
		return fmt.Errorf("mcpecho: Config.OutputFormat %q must be json, toon or auto", f)
	}
	for _, i := range cfg.Icons {
		if msg := i.check(); msg != "" {
			return errors.New("mcpecho: Config.Icons: " + msg)
		}
	}
	if err := checkSecuritySchemes(cfg.SecuritySchemes); err != nil {
		return err
	}
	for _, o := range cfg.Origins {
		if scheme, rest, ok := strings.Cut(o, "://"); !ok || scheme == "" || rest == "" || strings.Contains(rest, "/") {
			return fmt.Errorf("mcpecho: Config.Origins: %q is not an origin: write it as https://app.example.com", o)
		}
	}
	return nil
}
