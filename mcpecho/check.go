package mcpecho

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// Problem is something about one entry that is allowed but rarely meant.
type Problem struct {
	// Entry is the name of the tool or prompt, or the URI of the resource.
	Entry string
	// Rule is "unguarded", "undescribed", "unbounded" or "no_transaction".
	Rule string
	// Message says what is missing and how to add it, or how to state that it
	// is on purpose.
	Message string
}

func (p Problem) String() string { return p.Entry + ": " + p.Message }

// Check looks for entries without any permission step, without a description,
// lists without a bound that the caller can page through, and services that
// may write to the database outside of a transaction. What is on purpose is
// stated with its reason: Public of package middleware, [Unbounded],
// [NoTransaction].
func (s *Server) Check() []Problem {
	var problems []Problem
	for _, e := range s.registry.entries() {
		problems = append(problems, e.check(s.cfg.DB != nil)...)
	}
	return problems
}

func (t *entry) check(hasDB bool) (problems []Problem) {
	missing := func(rule, message string) {
		problems = append(problems, Problem{t.label(), rule, message})
	}
	has := func(stages ...Stage) bool {
		for _, s := range t.chain.steps {
			for _, stage := range stages {
				if s.Stage == stage {
					return true
				}
			}
		}
		return false
	}
	if !has(StageAuth, StagePermissions) {
		missing("unguarded", "everybody may use it: add a permission step such as Scopes, or Public with the reason")
	}
	if !t.described {
		missing("undescribed", "a model sees only its name: add Describe")
	}
	if t.kind == KindSelector && !has(StagePaginate) && t.unbounded == "" {
		missing("unbounded", "the list has no pages: add Paginate, or Unbounded with the reason")
	}
	if t.kind == KindService && hasDB && !t.hints["readOnlyHint"] && !has(StageTransaction) && t.untransacted == "" {
		missing("no_transaction", "it may write outside of a transaction: add Transaction, or NoTransaction with the reason")
	}
	return problems
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

// Unbounded states that a list without pages is meant, and why: for lists
// that are short by nature. [Config.MaxRows] still bounds it.
func Unbounded(reason string) Option {
	return optionFunc(func(s *settings) { s.unbounded = stated(s, "Unbounded", reason) })
}

// NoTransaction states that a service without a transaction step is meant,
// and why: it calls another system, or writes nothing to the database.
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
func (t *entry) notes() string {
	var notes []string
	if t.listedAs != t.name {
		notes = append(notes, "listed as "+t.listedAs)
	}
	for _, s := range t.chain.steps {
		if s.Note != "" {
			notes = append(notes, s.Name+": "+s.Note)
		}
	}
	if t.unbounded != "" {
		notes = append(notes, "unbounded: "+t.unbounded)
	}
	if t.untransacted != "" {
		notes = append(notes, "no transaction: "+t.untransacted)
	}
	if notes == nil {
		return ""
	}
	return "  (" + strings.Join(notes, "; ") + ")"
}
