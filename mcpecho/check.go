package mcpecho

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Problem is something about one entry, or about the server, that is allowed but rarely meant.
type Problem struct {
	// Entry is the name of the tool or prompt, or the URI of the resource, as the program has it.
	// It is empty for what concerns the whole server.
	Entry string
	// Rule is the word of what was found, one of those of [Server.Check].
	Rule string
	// Message says what is missing and how to add it, or how to state that it is on purpose.
	Message string
}

func (p Problem) String() string {
	if p.Entry == "" {
		return p.Message
	}
	return p.Entry + ": " + p.Message
}

// Check looks for what is allowed but rarely meant. By the word in [Problem.Rule]:
//
//   - unguarded: no permission step. Steps that limit rows, and middlewares made by [Named], are
//     none; one made by [Guard] is.
//   - open_completion: suggestions of an entry without a permission step.
//   - undescribed: no description.
//   - unbounded: a list that the caller cannot page through.
//   - unnarrowed: rows that no step narrows, on a server that narrows others.
//   - no_transaction: a service that may write to the database outside of a transaction.
//   - unsafe_get: a [Route] with GET to a service that may write.
//   - credentials: a result with columns that look like passwords, tokens or keys.
//   - long_name: a name that clients may cut off, as they put the server's before it.
//   - no_rate_limit: tools without a limit, which the specification demands (2026-07-28,
//     server/tools, section Security Considerations). One problem for the whole server.
//   - logged_values: gorm's logger of [Config.DB] prints the values of statements, secret ones
//     included.
//   - uncounted_list: a limit of the server that cannot count lists, with [Config.HideForbidden].
//
// What is on purpose is stated with its reason: by Public and Unlimited of package middleware,
// [Unbounded], [Unnarrowed], [NoTransaction], [Discloses].
func (s *Server) Check() []Problem {
	entries := s.registry.entries()
	narrows := slices.ContainsFunc(entries, (*entry).narrows)
	var problems []Problem
	for _, e := range entries {
		problems = append(problems, e.check(s, narrows)...)
	}
	if s.cfg.DB != nil && logsValues(s.cfg.DB.Logger) {
		problems = append(problems, Problem{Rule: "logged_values", Message: "the logger of Config.DB prints the values of statements: " +
			"make it with ParameterizedQueries, or give your own a method ParamsFilter"})
	}
	if err := s.listing[tools].Load().uncounted; err != nil && s.cfg.HideForbidden {
		problems = append(problems, Problem{Rule: "uncounted_list", Message: "a limit of the server does not count lists, which ask the permissions of " +
			"every entry for it: " + err.Error() + "; let its Describe accept a definition that has no more than a name"})
	}
	return append(problems, checkRateLimit(entries)...)
}

// logsValues says whether a logger of gorm gets the values of statements to print.
func logsValues(l logger.Interface) bool {
	if l == nil || l == logger.Discard {
		return false
	}
	if v := reflect.Indirect(reflect.ValueOf(l)); v.Kind() == reflect.Struct { // gorm's own do not tell their level
		if f, ok := v.Type().FieldByName("LogLevel"); ok && f.Type == reflect.TypeFor[logger.LogLevel]() {
			if level, err := v.FieldByIndexErr(f.Index); err == nil && logger.LogLevel(level.Int()) <= logger.Silent {
				return false
			}
		}
	}
	filter, ok := l.(gorm.ParamsFilter)
	if !ok {
		return true
	}
	_, params := filter.ParamsFilter(context.Background(), "SELECT ?", "a value")
	return len(params) > 0
}

func (e *entry) check(s *Server, narrows bool) (problems []Problem) {
	found := func(is bool, rule, message string) {
		if is {
			problems = append(problems, Problem{e.label(), rule, message})
		}
	}
	guarded := e.has(StageAuth, StagePermissions)
	found(!guarded, "unguarded", "everybody may use it: add a permission step such as Scopes, or Public with the reason")
	found(!guarded && len(e.completers) > 0, "open_completion",
		"everybody gets its suggestions, also where a middleware refuses the call: make the one that decides a Guard")
	found(e.description == "", "undescribed", "a model sees only its name: add Describe")
	found(e.kind == KindSelector && !e.has(StagePaginate) && e.unbounded == "", "unbounded",
		"the list has no pages: add Paginate, or Unbounded with the reason")
	found(narrows && e.spec.row != nil && e.unnarrowed == "" && !e.narrowed(s), "unnarrowed",
		fmt.Sprintf("no step narrows rows of %s, and others are narrowed: add Narrow, or Unnarrowed with the reason", e.spec.row))
	found(e.kind == KindService && s.cfg.DB != nil && !e.annotations["readOnlyHint"] && !e.has(StageTransaction) && e.untransacted == "",
		"no_transaction", "it may write outside of a transaction: add Transaction, or NoTransaction with the reason")
	found(e.route != nil && e.route.method == http.MethodGet && !e.annotations["readOnlyHint"], "unsafe_get",
		"its route is a GET, which clients, caches and pages of others send freely: take another method, or annotate it ReadOnly(true)")
	found(len(e.credentials) > 0 && e.discloses == "", "credentials", fmt.Sprintf("its result shows %s: leave that out with As or Serialize, "+
		"tag it secret:\"true\", or add Discloses with the reason", strings.Join(e.credentials, ", ")))
	found(e.surface != onResources && len(e.listedAs) > roomyName, "long_name",
		fmt.Sprintf("its name has %d characters, and clients put the server's before it: keep it to %d", len(e.listedAs), roomyName))
	return problems
}

// has says whether the chain has a step of one of the stages.
func (e *entry) has(stages ...Stage) bool {
	return slices.ContainsFunc(e.chain.steps, func(s Step) bool { return slices.Contains(stages, s.Stage) })
}

// narrows says whether a step of the chain narrows rows of any type.
func (e *entry) narrows() bool {
	return slices.ContainsFunc(e.rules, func(r rowRule) bool { return r.narrow != nil })
}

// narrowed says whether a step of the chain says who sees which of the spec's own rows.
func (e *entry) narrowed(s *Server) bool {
	model, err := s.modelSchema(e.spec.row)
	return err != nil || slices.ContainsFunc(e.rules, func(r rowRule) bool {
		return r.row == nil || r.row == e.spec.row || r.table == model.Table
	})
}

// checkRateLimit names the tools that can be called without end.
func checkRateLimit(entries []*entry) []Problem {
	var free []string
	for _, e := range entries {
		if e.surface == onTools && !e.has(StageRateLimit) {
			free = append(free, e.name)
		}
	}
	if free == nil {
		return nil
	}
	names := strings.Join(free[:min(len(free), 3)], ", ")
	if len(free) > 3 {
		names += fmt.Sprintf(" and %d more", len(free)-3)
	}
	return []Problem{{Rule: "no_rate_limit", Message: "a caller may call " + names + " without end: add RateLimit, to all by Server.Use, or Unlimited with the reason"}}
}

// report logs problems, or makes them an error with Config.Strict.
func (s *Server) report(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	if s.cfg.Strict {
		lines := make([]string, len(problems))
		for i, p := range problems {
			lines[i] = p.String()
		}
		return errors.New("mcpecho: Config.Strict: " + strings.Join(lines, "; "))
	}
	for _, p := range problems {
		s.cfg.Logger.Warn("mcpecho: check", slog.String("entry", p.Entry), slog.String("rule", p.Rule), slog.String("message", p.Message))
	}
	return nil
}

// Unbounded states that a list without pages is meant, and why: for lists that are short by nature.
// [Config.MaxRows] still bounds it.
func Unbounded(reason string) Option {
	return optionFunc(func(s *settings) { s.unbounded = stated(s, "Unbounded", reason) })
}

// Unnarrowed states that the caller may see every row of a selector or retrieve, on a server that
// narrows rows of others, and why.
func Unnarrowed(reason string) Option {
	return optionFunc(func(s *settings) { s.unnarrowed = stated(s, "Unnarrowed", reason) })
}

// Discloses states that a result which shows what looks like a credential is meant, and why: a key
// that is shown to its owner once.
func Discloses(reason string) Option {
	return optionFunc(func(s *settings) { s.discloses = stated(s, "Discloses", reason) })
}

// NoTransaction states that a service without a transaction step is meant, and why: it calls
// another system, or writes nothing to the database.
func NoTransaction(reason string) Option {
	return optionFunc(func(s *settings) { s.untransacted = stated(s, "NoTransaction", reason) })
}

func stated(s *settings, option, reason string) string {
	if strings.TrimSpace(reason) == "" {
		s.errs = append(s.errs, fmt.Sprintf("%s needs the reason", option))
	}
	return reason
}

// notes are the reasons that the chain of an entry was given, for printing.
func (e *entry) notes() string {
	var notes []string
	if e.listedAs != e.name {
		notes = append(notes, "listed as "+e.listedAs)
	}
	for _, s := range e.chain.steps {
		if s.Note != "" {
			notes = append(notes, s.Name+": "+s.Note)
		}
	}
	for _, reason := range []struct{ what, why string }{
		{"unbounded", e.unbounded}, {"unnarrowed", e.unnarrowed}, {"no transaction", e.untransacted}, {"discloses", e.discloses},
	} {
		if reason.why != "" {
			notes = append(notes, reason.what+": "+reason.why)
		}
	}
	if notes == nil {
		return ""
	}
	return "  (" + strings.Join(notes, "; ") + ")"
}
