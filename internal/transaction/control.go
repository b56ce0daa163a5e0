package transaction

import (
	"slices"
	"strings"
)

// kind is what a statement does to the transaction it runs in.
type kind int

const (
	ordinary  kind = iota
	saves          // SAVEPOINT
	releases       // RELEASE SAVEPOINT
	rollsBack      // ROLLBACK, to a savepoint or not
	byHand         // it begins or commits
)

func kindOf(query string) kind {
	switch firstWord(query) {
	case "SAVEPOINT", "SAVE":
		return saves
	case "RELEASE":
		return releases
	case "ROLLBACK", "ABORT":
		return rollsBack
	case "BEGIN", "START", "COMMIT", "END":
		return byHand
	}
	return ordinary
}

// firstWord is the first word of a statement, in capitals.
func firstWord(query string) string {
	query = strings.TrimLeft(query, " \t\r\n;(")
	if i := strings.IndexFunc(query, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') }); i >= 0 {
		query = query[:i]
	}
	return strings.ToUpper(query)
}

func reads(query string) bool { return firstWord(query) == "SELECT" }

// savepointName is the name in a statement about a savepoint as the database compares it, "" when
// there is none: ROLLBACK alone ends the transaction. Such statements are not prepared: MySQL
// refuses it, and each has a new name.
func (c *Conn) savepointName(query string) string {
	words := strings.Fields(strings.Trim(query, " \t\r\n;"))
	last := len(words) - 1
	to := slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, "TO") })
	sqlServer := last == 2 && strings.EqualFold(words[1], "TRANSACTION") && c.state.tx.Name() == "sqlserver"
	if last < 1 || kindOf(query) == rollsBack && !to && !sqlServer {
		return ""
	}
	name := strings.TrimRight(words[last], ";")
	bare := strings.Trim(name, "\"`'[]")
	if bare != name && c.state.tx.Name() == "postgres" {
		return bare // only here quotes keep capitals apart
	}
	return strings.ToLower(bare)
}

// mark is a savepoint that was set by a statement, and where the AfterCommit functions registered
// since begin.
type mark struct {
	name  string
	hooks int
}

// remember keeps which AfterCommit functions belong to a savepoint that a statement has set, and
// drops them when it is rolled back.
func (s *openState) remember(k kind, name string) error {
	at := -1
	for i, m := range s.marks {
		if m.name == name {
			at = i
		}
	}
	switch {
	case k == saves:
		if at >= 0 && s.tx.Name() == "mysql" {
			s.marks = slices.Delete(s.marks, at, at+1) // it replaces the one of the same name
		}
		s.marks = append(s.marks, mark{name, s.hooks.Mark()})
	case at < 0:
		return errByHand // it cannot be told which functions belong to what was undone
	case k == releases:
		s.marks = s.marks[:at]
	case k == rollsBack:
		s.marks = s.marks[:at+1]
		s.hooks.dropOf(s, s.marks[at].hooks)
	}
	return nil
}
